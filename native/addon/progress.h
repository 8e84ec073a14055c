#pragma once
// Events of jobs that count what is done.
#include "native/addon/job.h"
#include "native/addon/object_writer.h"

namespace belle::addon {

// An event { phase, done, total }.
inline void emit_progress(Job& job, const char* phase, uint64_t done, uint64_t total) {
  job.emit([phase, done, total](Napi::Env env) -> std::vector<napi_value> {
    ObjectWriter out(env);
    out.text("phase", phase);
    out.count("done", done);
    out.count("total", total);
    return {out.object};
  });
}

}  // namespace belle::addon
