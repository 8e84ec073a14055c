#include "native/tokenizer/train/generations.h"

#include <algorithm>

#include "native/tokenizer/train/free_memory.h"

namespace belle::tokenizer {
namespace {

constexpr size_t kBlocksAtOnce = 64;  // between two looks at the memory used

}  // namespace

Generations::Generations(GenerationSetup setup, PieceSymbols* symbols, const PieceRules& rules,
                         ThreadPool& pool, const std::atomic<bool>& stop)
    : setup_(std::move(setup)),
      symbols_(*symbols),
      rules_(rules),
      pool_(pool),
      stop_(stop),
      ceiling_(PairSketch::kFull) {}

Status Generations::begin() {
  BELLE_ASSIGN(next_.stream, setup_.new_stream());
  next_.sketch = std::make_unique<PairSketch>(setup_.sketch_counters);
  for (size_t i = lengths_.size(); i < symbols_.texts.size(); ++i)
    lengths_.push_back(static_cast<uint16_t>(symbols_.texts[i].size()));
  return {};
}

// False where no piece of the floor's count, or of any count, can reach across.
bool Generations::hot(uint32_t left, uint32_t right) const {
  return may_join(left, right) && now_.sketch->reaches(left, right, floor_);
}

Status Generations::Writer::add(uint64_t weight, std::span<const uint32_t> symbols) {
  if (symbols.size() < 2) return {};
  // An atomic addition waits for its memory: fetched before, they wait together.
  for (size_t i = 1; i < symbols.size(); ++i) owner_.next_.sketch->prefetch(symbols[i - 1], symbols[i]);
  for (size_t i = 1; i < symbols.size(); ++i)
    if (owner_.may_join(symbols[i - 1], symbols[i]))
      owner_.next_.sketch->add(symbols[i - 1], symbols[i], weight);
  return out_.add(weight, symbols);
}

// Calls visit(run) for maximal stretches without a cold place inside.
template <class Visit>
void Generations::for_each_run(std::span<const uint32_t> symbols, Visit visit) const {
  for (size_t i = 1; i < symbols.size(); ++i) now_.sketch->prefetch(symbols[i - 1], symbols[i]);
  size_t begin = 0;
  for (size_t i = 1; i <= symbols.size(); ++i) {
    if (i < symbols.size() && hot(symbols[i - 1], symbols[i])) continue;
    visit(symbols.subspan(begin, i - begin));
    begin = i;
  }
}

Status Generations::for_each_segment(
    const std::function<Status(uint64_t, std::span<const uint32_t>, int)>& body,
    const std::function<Status(double done)>& between, const std::function<void()>& alive) {
  std::mutex mutex;
  Status failure;
  for (size_t first = 0; first < now_.stream->blocks(); first += kBlocksAtOnce) {
    const size_t count = std::min(kBlocksAtOnce, now_.stream->blocks() - first);
    pool_.run(count, [&](size_t index, int thread) {
      if (stop_.load(std::memory_order_relaxed)) return;
      const auto work = [&]() -> Status {
        std::string buffer;
        std::vector<uint32_t> symbols;
        uint64_t weight = 0;
        BELLE_ASSIGN(std::string_view block, now_.stream->block(first + index, &buffer));
        for (;;) {
          BELLE_ASSIGN(const bool more, SymbolStream::next(&block, symbols_.texts.size(), &weight, &symbols));
          if (!more) return {};
          BELLE_TRY(body(weight, symbols, thread));
        }
      };
      if (Status status = work(); !status.ok()) {
        const std::lock_guard lock(mutex);
        if (failure.ok()) failure = std::move(status);
      }
    });
    if (stop_.load()) return {StatusCode::aborted, "training was stopped while learning merges"};
    BELLE_TRY(failure);
    BELLE_TRY(between(static_cast<double>(first + count) / static_cast<double>(now_.stream->blocks())));
    alive();
  }
  return {};
}

// All runs of floor_ into runs_; floor_ may rise.
Status Generations::collect(const std::function<void()>& alive) {
  runs_ = std::make_unique<RunTable>();
  std::vector<RunTable::Writer> writers(static_cast<size_t>(pool_.threads()), RunTable::Writer(runs_.get()));
  const auto flush = [&] {
    for (auto& writer : writers) writer.flush();
  };
  return for_each_segment(
      [&](uint64_t weight, std::span<const uint32_t> symbols, int thread) -> Status {
        for_each_run(symbols, [&](std::span<const uint32_t> run) {
          if (run.size() > 1) writers[static_cast<size_t>(thread)].add(run, weight);
        });
        return {};
      },
      [&](double done) -> Status {
        flush();
        while ((setup_.table_bytes > 0 &&
                FloorLearner::bytes(runs_->runs(), runs_->symbols()) + runs_->bytes() > setup_.table_bytes) ||
               runs_->symbols() > FloorLearner::kMaxSymbols) {
          BELLE_TRY(raise_floor(done < 0.5));
          writers.assign(writers.size(), RunTable::Writer(runs_.get()));
        }
        return {};
      },
      alive);
}

// What is cut for a floor and cut again for a higher one is cut for the higher one.
Status Generations::raise_floor(bool by_much) {
  if (floor_ + 1 >= ceiling_)
    return {StatusCode::invalid_argument,
            "memory_limit is too small to learn from this corpus: give more, or fewer sentences"};
  floor_ = std::min(floor_ + std::max<uint64_t>(1, by_much ? floor_ : floor_ / 4), ceiling_ - 1);
  auto higher = std::make_unique<RunTable>();
  RunTable::Writer writer(higher.get());
  for (size_t index = 0; index < RunTable::kShards; ++index) {
    const SpanTable::Spans& shard = runs_->shard(index);
    for (size_t run = 0; run < shard.begins.size(); ++run)
      for_each_run(shard[static_cast<uint32_t>(run)], [&](std::span<const uint32_t> part) {
        if (part.size() > 1) writer.add(part, shard.weights[run]);
      });
    runs_->release(index);
  }
  writer.flush();
  runs_ = std::move(higher);
  return {};
}

// The next version of the stream: every run replaced by what was learned from it.
Status Generations::rewrite(const FloorLearner& learner, const std::function<void()>& alive) {
  BELLE_TRY(begin());
  struct Thread {
    explicit Thread(Generations* owner) : writer(owner) {}
    Writer writer;
    std::vector<uint32_t> symbols;
  };
  std::vector<Thread> threads(static_cast<size_t>(pool_.threads()), Thread(this));
  BELLE_TRY(for_each_segment(
      [&](uint64_t weight, std::span<const uint32_t> symbols, int number) -> Status {
        Thread& thread = threads[static_cast<size_t>(number)];
        thread.symbols.clear();
        for_each_run(symbols, [&](std::span<const uint32_t> run) {
          RunTable::Place place;
          if (run.size() > 1 && runs_->find(run, &place))
            learner.append_result(place, &thread.symbols);
          else
            thread.symbols.insert(thread.symbols.end(), run.begin(), run.end());
        });
        return thread.writer.add(weight, thread.symbols);
      },
      [](double) { return Status(); }, alive));
  for (Thread& thread : threads) BELLE_TRY(thread.writer.finish());
  return {};
}

Result<Generations::Outcome> Generations::run(size_t wanted, const Progress& on_progress) {
  const auto alive = [&] { on_progress(symbols_.pieces()); };
  for (;;) {
    now_ = std::move(next_);
    if (symbols_.pieces() >= wanted) return Outcome::enough;
    // Of two pairs that share a symbol one takes from the other: not all that reach a count now will be
    // pieces.
    const uint64_t left = wanted - symbols_.pieces();
    const uint64_t guess = now_.sketch->count_at(generations_ == 0 ? left : 2 * left);
    if (guess == 0 || ceiling_ <= 1) return Outcome::exhausted;
    floor_ = std::max<uint64_t>(1, std::min(guess, ceiling_ - std::max<uint64_t>(1, ceiling_ / 4)));
    ++generations_;
    return_free_memory();
    BELLE_TRY(collect(alive));
    runs_->shrink();
    return_free_memory();
    FloorLearner learner(*runs_, &symbols_, rules_, floor_);
    BELLE_ASSIGN(const auto outcome, learner.run(wanted, setup_.stop_at_tie, &ties_, stop_, on_progress));
    if (outcome == FloorLearner::Outcome::enough) return Outcome::enough;
    if (outcome == FloorLearner::Outcome::tie) return Outcome::tie;
    ceiling_ = floor_;
    if (floor_ <= 1) return Outcome::exhausted;
    learner.release();
    BELLE_TRY(rewrite(learner, alive));
    runs_.reset();
  }
}

}  // namespace belle::tokenizer
