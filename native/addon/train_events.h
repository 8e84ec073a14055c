#pragma once
// Trainer events as the JS objects of NativeTrainEvent (ts/native/binding.ts).
#include "native/addon/job.h"
#include "native/train/trainer.h"

namespace belle::addon {

Job::Event train_event(train::Event event);

}  // namespace belle::addon
