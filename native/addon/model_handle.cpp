#include "native/addon/arguments.h"
#include "native/addon/errors.h"
#include "native/addon/model.h"

namespace belle::addon {

ModelHandle::ModelHandle(std::unique_ptr<model::Model> loaded) : model(std::move(loaded)) { refresh(); }

void ModelHandle::refresh() {
  config = model->config();
  parameters = model->parameters();
  adapter.reset();
  if (model->adapter() != nullptr) adapter = *model->adapter();
  elements = model->parameter_elements();
  dtype = model->dtype();
  backend = model->backend().name;
}

void ModelHandle::report_memory(Napi::Env env, int64_t bytes) {
  Napi::MemoryManagement::AdjustExternalMemory(env, bytes - reported);
  reported = bytes;
}

ModelLease lease_model(Napi::Env env, const SharedModel& handle) {
  if (handle->busy.exchange(true)) {
    throw make_error(
        env, Status(StatusCode::busy,
                    "The model is being used by another call (forward, generate, train, save, ...); await "
                    "that one before starting the next, or load the model a second time."));
  }
  return {handle->model.get(), [handle](model::Model*) { handle->busy.store(false); }};
}

}  // namespace belle::addon
