#include "native/dist/communicator.h"

#include "native/core/checked.h"

namespace belle::dist {

namespace {

const char* type_name(int32_t type) {
  return type == BELLE_F32 ? "float32" : type == BELLE_BF16 ? "bfloat16" : "bytes";
}

Status refuse(const char* name, const std::string& what) {
  return {StatusCode::invalid_argument, std::string(name) + ": " + what};
}

}  // namespace

// A collective's, with the sizes of its two buffers in parts of `count` elements.
struct Communicator::Arguments {
  const char* name;
  const void *out, *in;
  int64_t count;
  int32_t type;
  bool sums;
  int out_parts, in_parts;

  Status check(int rank) const;
};

Status Communicator::Arguments::check(int rank) const {
  if (type != BELLE_F32 && type != BELLE_BF16 && type != BELLE_BYTES) {
    return refuse(name, "type " + std::to_string(type) +
                            " is unknown; use BELLE_F32 (0), BELLE_BF16 (1) or BELLE_BYTES (2)");
  }
  if (sums && type == BELLE_BYTES) return refuse(name, "bytes cannot be summed; use float32 or bfloat16");
  if (count < 0) return refuse(name, "count is " + std::to_string(count) + "; it must not be negative");
  if (count > 0 && (!out || !in)) return refuse(name, "a buffer is NULL; pass one from alloc()");
  uint64_t part = 0, out_bytes = 0, in_bytes = 0;
  if (!checked_mul(static_cast<uint64_t>(count), type_bytes(type), &part) ||
      !checked_mul(part, static_cast<uint64_t>(out_parts), &out_bytes) ||
      !checked_mul(part, static_cast<uint64_t>(in_parts), &in_bytes))
    return refuse(name, "count is " + std::to_string(count) + "; no memory holds that");
  // The smaller buffer may be this rank's part of the larger one; anything else that overlaps is read and
  // written at once.
  const auto to = reinterpret_cast<uintptr_t>(out), from = reinterpret_cast<uintptr_t>(in);
  const uint64_t own = static_cast<uint64_t>(rank) * part;
  const bool in_place = in_parts > out_parts   ? to == from + own
                        : out_parts > in_parts ? from == to + own
                                               : to == from;
  if (!in_place && to < from + in_bytes && from < to + out_bytes) {
    return refuse(name,
                  "the buffers overlap; use one buffer, with the smaller part where this rank's is, or "
                  "two that do not touch");
  }
  return {};
}

size_t Communicator::type_bytes(int32_t type) { return type == BELLE_F32 ? 4 : type == BELLE_BF16 ? 2 : 1; }
std::string Communicator::show_rank() const {
  return "rank " + std::to_string(rank_) + " of " + std::to_string(world_);
}
std::string Communicator::show(const Collective& c) const {
  std::string text = show_rank() + ": " + c.name + " " + std::to_string(c.number);
  if (c.count > 0) text += " (" + std::to_string(c.count) + " " + type_name(c.type) + ")";
  return text;
}

Status Communicator::broken() const {
  const std::lock_guard lock(mutex_);
  return broken_;
}

void Communicator::abort(const Status& why) {
  {
    const std::lock_guard lock(mutex_);
    if (!broken_.ok()) return;
    broken_ = why.ok() ? Status(StatusCode::aborted, show_rank() + ": the communicator was aborted") : why;
  }
  static_cast<void>(abort_all());  // what led here is the error to tell
}

// The first error ends the communicator.
Status Communicator::keep(Status status) {
  if (status.ok()) return status;
  abort(status);
  return broken();
}

template <class Start>
Status Communicator::collective(const Arguments& a, Start start) {
  BELLE_TRY(broken());
  BELLE_TRY(a.check(rank_));
  const Collective c = {.name = a.name, .number = ++number_, .count = a.count, .type = a.type};
  return a.count == 0 ? Status() : keep(start(c));
}

Status Communicator::all_reduce(void* out, const void* in, int64_t count, int32_t type) {
  return collective({"all_reduce", out, in, count, type, true, 1, 1},
                    [&](const Collective& c) { return start_all_reduce(c, out, in); });
}
Status Communicator::reduce_scatter(void* out, const void* in, int64_t count, int32_t type) {
  return collective({"reduce_scatter", out, in, count, type, true, 1, world_},
                    [&](const Collective& c) { return start_reduce_scatter(c, out, in); });
}
Status Communicator::all_gather(void* out, const void* in, int64_t count, int32_t type) {
  return collective({"all_gather", out, in, count, type, false, world_, 1},
                    [&](const Collective& c) { return start_all_gather(c, out, in); });
}
Status Communicator::broadcast(void* data, int64_t count, int32_t type, int root) {
  if (root < 0 || root >= world_) {
    return refuse("broadcast", "there is no rank " + std::to_string(root) + "; root is from 0 to " +
                                   std::to_string(world_ - 1));
  }
  return collective({"broadcast", data, data, count, type, false, 1, 1},
                    [&](const Collective& c) { return start_broadcast(c, data, root); });
}

Status Communicator::barrier(Milliseconds limit) {
  BELLE_TRY(broken());
  return keep(finish_barrier({.name = "barrier", .number = ++number_}, limit));
}

Status Communicator::wait(Milliseconds limit) {
  BELLE_TRY(broken());
  return keep(finish_all(limit));
}

}  // namespace belle::dist
