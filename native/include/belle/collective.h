/* The collective C ABI: sums and copies between the ranks of a job, one process and one device a rank. A
 * library that exports belle_backend_open may export these three functions beside it; libbelle_cuda.so does,
 * over NCCL. Plain C structs and functions; no STL, no exceptions.
 *
 * Conventions
 * - Nothing here waits for another rank: open() and the collectives start, poll() tells how far they are. The
 * caller decides how long that may take, and aborts.
 * - Work goes to the backend's one stream, in order with its ops. While `starting` is set nothing may be put
 * there: neither a collective nor an op of the backend.
 * - read() and synchronize() of the backend wait for the collectives too, without a limit: poll first.
 * - Every rank calls the same collectives in the same order with the same sizes.
 * - poll() and abort() may be called from any thread; the rest by one thread at a time.
 */
#ifndef BELLE_COLLECTIVE_H
#define BELLE_COLLECTIVE_H
#include "native/include/belle/backend.h"

#ifdef __cplusplus
extern "C" {
#endif

#define BELLE_COLLECTIVE_ABI_VERSION 1u
#define BELLE_COLLECTIVE_ID_BYTES 128

/* Beside those of belle_dtype: bytes, which are moved and not summed. */
enum { BELLE_BYTES = 2 };

/* Names one communicator: rank 0 makes it, every rank opens with it, no two communicators share it. */
typedef struct belle_collective_id {
  uint8_t bytes[BELLE_COLLECTIVE_ID_BYTES];
} belle_collective_id;

typedef struct belle_collective_options {
  uint32_t abi_version; /* first, always: BELLE_COLLECTIVE_ABI_VERSION */
  int32_t rank, world;  /* 0 <= rank < world */
  belle_collective_id id;
} belle_collective_options;

typedef struct belle_collective_progress {
  int32_t starting;   /* 1: open, finish or the last collective is on its way to the stream */
  uint64_t completed; /* collectives that the device is done with, of those that were started */
} belle_collective_progress;

typedef struct belle_collective belle_collective;
struct belle_collective {
  uint32_t abi_version;    /* first, always: refuse on mismatch */
  const char* name;        /* "nccl" */
  const char* description; /* one line for people: which library, from where; UTF-8 */
  void* context;

  /* out[count] = sum over the ranks of in[count]; in may be out */
  belle_status (*all_reduce)(void* context, void* out, const void* in, int64_t count, int32_t type);
  /* out[count] = elements [rank*count, (rank+1)*count) of the sum over the ranks of in[world*count]; out may
   * be there in `in` */
  belle_status (*reduce_scatter)(void* context, void* out, const void* in, int64_t count, int32_t type);
  /* out[world*count]: rank r's in[count] at r*count; in may be there in `out` */
  belle_status (*all_gather)(void* context, void* out, const void* in, int64_t count, int32_t type);
  /* data[count] of rank `root` to every rank */
  belle_status (*broadcast)(void* context, void* data, int64_t count, int32_t type, int32_t root);

  /* An error here is that of the communicator, which can only be aborted then. */
  belle_status (*poll)(void* context, belle_collective_progress* out);
  /* Begins the orderly end, once all is completed; poll tells when it is reached. */
  belle_status (*finish)(void* context);
  /* Ends what runs and what waits, on this rank; the other ranks abort on their own. Twice is once. */
  belle_status (*abort)(void* context);
};

/* "belle_collective_make_id" */
typedef belle_status (*belle_collective_make_id_fn)(belle_collective_id* out);
/* "belle_collective_open": on the device and stream of `backend`, one that the same library opened and that
 * is closed later than *out. */
typedef belle_status (*belle_collective_open_fn)(const belle_backend* backend,
                                                 const belle_collective_options* options,
                                                 belle_collective** out);
/* "belle_collective_close": aborts what was not brought to its end by finish(). */
typedef void (*belle_collective_close_fn)(belle_collective*);

#ifdef __cplusplus
}
#endif
#endif
