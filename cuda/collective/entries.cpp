// libbelle_cuda.so: the three symbols of collective.h.
#include "cuda/collective/collective.h"

namespace belle::cuda {

namespace {

struct Opened {
  belle_collective table = {};
  std::unique_ptr<Collective> collective;
};

Collective& of(void* context) { return *static_cast<Opened*>(context)->collective; }

// For what needs no mutex of the context. No exception crosses the ABI.
template <class Body>
belle_status guarded(Body body) try {
  return abi::to_c(body());
} catch (const std::bad_alloc&) {
  return abi::to_c(StatusCode::out_of_memory, "host memory ran out in a collective of the CUDA backend");
}

Check checked(const char* op, int32_t type, int64_t count, bool sums) {
  Check check(op);
  check.size("count", count)
      .that(type == BELLE_F32 || type == BELLE_BF16 || type == BELLE_BYTES,
            [&] {
              return "type " + std::to_string(type) +
                     " is unknown; use BELLE_F32 (0), BELLE_BF16 (1) or BELLE_BYTES (2)";
            })
      .that(!sums || type != BELLE_BYTES, [] { return "bytes cannot be summed; use float32 or bfloat16"; });
  return check;
}

using Transfer = Status (Collective::*)(void*, const void*, int64_t, int32_t);

belle_status transfer(const char* op, bool sums, Transfer call, void* context, void* out, const void* in,
                      int64_t count, int32_t type) {
  return run_op(&of(context).context(), [&](Context&) -> Status {
    BELLE_TRY(checked(op, type, count, sums).pointer("out", out, count).pointer("in", in, count).status());
    return (of(context).*call)(out, in, count, type);
  });
}

belle_status all_reduce(void* context, void* out, const void* in, int64_t count, int32_t type) {
  return transfer("all_reduce", true, &Collective::all_reduce, context, out, in, count, type);
}
belle_status reduce_scatter(void* context, void* out, const void* in, int64_t count, int32_t type) {
  return transfer("reduce_scatter", true, &Collective::reduce_scatter, context, out, in, count, type);
}
belle_status all_gather(void* context, void* out, const void* in, int64_t count, int32_t type) {
  return transfer("all_gather", false, &Collective::all_gather, context, out, in, count, type);
}
belle_status broadcast(void* context, void* data, int64_t count, int32_t type, int32_t root) {
  return run_op(&of(context).context(), [&](Context&) -> Status {
    BELLE_TRY(checked("broadcast", type, count, false)
                  .pointer("data", data, count)
                  .that(root >= 0 && root < of(context).world(),
                        [&] {
                          return "there is no rank " + std::to_string(root) + "; root is from 0 to " +
                                 std::to_string(of(context).world() - 1);
                        })
                  .status());
    return of(context).broadcast(data, count, type, root);
  });
}

belle_status poll(void* context, belle_collective_progress* out) {
  return guarded([&]() -> Status {
    BELLE_TRY(Check("poll").pointer("out", out).status());
    return of(context).poll(out);
  });
}
belle_status finish(void* context) {
  return guarded([&] { return of(context).finish(); });
}
belle_status abort(void* context) {
  return guarded([&] { return of(context).abort(); });
}

Status check_options(const belle_backend* backend, const belle_collective_options* options) {
  BELLE_TRY(Check("open").pointer("backend", backend).pointer("options", options).status());
  if (backend->abi_version != BELLE_BACKEND_ABI_VERSION ||
      options->abi_version != BELLE_COLLECTIVE_ABI_VERSION) {
    return {StatusCode::unsupported, "open: the ABI versions of this backend library are " +
                                         std::to_string(BELLE_BACKEND_ABI_VERSION) + " and " +
                                         std::to_string(BELLE_COLLECTIVE_ABI_VERSION) +
                                         " (collectives); install the one of the same release"};
  }
  return Check("open")
      .size("world", options->world, 1)
      .that(options->rank >= 0 && options->rank < options->world,
            [&] {
              return "rank is " + std::to_string(options->rank) + "; it must be from 0 to " +
                     std::to_string(options->world - 1);
            })
      .status();
}

Status open(const belle_backend* backend, const belle_collective_options* options, belle_collective** out) {
  BELLE_TRY(Check("open").pointer("out", out).status());
  *out = nullptr;
  BELLE_TRY(check_options(backend, options));
  Context& cuda = *static_cast<Context*>(backend->context);
  BELLE_TRY(check_cuda("open", cudaSetDevice(cuda.device)));
  auto opened = std::make_unique<Opened>();
  BELLE_ASSIGN(opened->collective, Collective::open(cuda, *options));
  belle_collective& table = opened->table;
  table.abi_version = BELLE_COLLECTIVE_ABI_VERSION;
  table.name = "nccl";
  table.description = opened->collective->description().c_str();
  table.context = opened.get();
  table.all_reduce = all_reduce;
  table.reduce_scatter = reduce_scatter;
  table.all_gather = all_gather;
  table.broadcast = broadcast;
  table.poll = poll;
  table.finish = finish;
  table.abort = abort;
  *out = &opened.release()->table;
  return {};
}

Status make_id(belle_collective_id* out) {
  BELLE_TRY(Check("make_id").pointer("out", out).status());
  const NcclLibrary library = find_nccl();
  if (!library.loaded) return {StatusCode::not_found, library.sentence};
  NcclId id = {};
  if (const int result = library.functions.make_id(&id); result != kNcclSuccess) {
    return {StatusCode::io, "make_id: NCCL says " + std::string(library.functions.error_string(result)) +
                                "; NCCL_SOCKET_IFNAME names the network interface to use, NCCL_DEBUG=WARN "
                                "shows more"};
  }
  std::memcpy(out, &id, sizeof id);
  return {};
}

}  // namespace

}  // namespace belle::cuda

#define BELLE_EXPORT extern "C" __attribute__((visibility("default")))

BELLE_EXPORT belle_status belle_collective_make_id(belle_collective_id* out) {
  return belle::cuda::guarded([&] { return belle::cuda::make_id(out); });
}
BELLE_EXPORT belle_status belle_collective_open(const belle_backend* backend,
                                                const belle_collective_options* options,
                                                belle_collective** out) {
  return belle::cuda::guarded([&] { return belle::cuda::open(backend, options, out); });
}
BELLE_EXPORT void belle_collective_close(belle_collective* collective) {
  if (collective) delete static_cast<belle::cuda::Opened*>(collective->context);
}
