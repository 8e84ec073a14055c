#include "native/tokenizer/train/symbol_stream.h"

#include <fcntl.h>
#include <unistd.h>

#include <cerrno>

#include "native/core/committed_file.h"
#include "native/core/file_size_signal.h"
#include "native/tokenizer/train/work_numbers.h"

namespace belle::tokenizer {
namespace {

constexpr size_t kBlockBytes = 1 << 18;

}  // namespace

std::unique_ptr<SymbolStream> SymbolStream::in_memory() {
  return std::unique_ptr<SymbolStream>(new SymbolStream());
}

Result<std::unique_ptr<SymbolStream>> SymbolStream::in_file(const std::string& path) {
  auto stream = in_memory();
  stream->file_ = ::open(path.c_str(), O_RDWR | O_CREAT | O_TRUNC | O_CLOEXEC, 0666);
  if (stream->file_ < 0) return system_failure("create", path, errno);
  stream->path_ = path;
  return stream;
}

SymbolStream::~SymbolStream() {
  if (file_ < 0) return;
  ::close(file_);
  ::unlink(path_.c_str());
}

Status SymbolStream::Writer::add(uint64_t weight, std::span<const uint32_t> symbols) {
  put_number(weight, &block_);
  put_number(symbols.size(), &block_);
  for (const uint32_t symbol : symbols) put_number(symbol, &block_);
  return block_.size() < kBlockBytes ? Status() : finish();
}

Status SymbolStream::Writer::finish() {
  if (block_.empty()) return {};
  std::string block(block_);
  block_.clear();
  return stream_->append(std::move(block));
}

Status SymbolStream::append(std::string block) {
  const std::lock_guard lock(mutex_);
  const size_t size = block.size();
  if (file_ >= 0) {
    const HoldFileSizeSignal hold;
    for (size_t at = 0; at < size;) {
      const ssize_t done = ::pwrite(file_, block.data() + at, size - at, static_cast<off_t>(bytes_ + at));
      if (done < 0 && errno == EINTR) continue;
      if (done <= 0) return system_failure("write", path_, done < 0 ? errno : ENOSPC);
      at += static_cast<size_t>(done);
    }
    block.clear();
    block.shrink_to_fit();
  }
  blocks_.push_back({std::move(block), bytes_, size});
  bytes_ += size;
  return {};
}

Result<std::string_view> SymbolStream::block(size_t index, std::string* buffer) const {
  const Block& block = blocks_[index];
  if (file_ < 0) return std::string_view(block.bytes);
  buffer->resize(block.size);
  for (size_t at = 0; at < block.size;) {
    const ssize_t done =
        ::pread(file_, buffer->data() + at, block.size - at, static_cast<off_t>(block.offset + at));
    if (done < 0 && errno == EINTR) continue;
    if (done < 0) return system_failure("read", path_, errno);
    if (done == 0) return Status(StatusCode::io, path_ + " was cut short while training read it");
    at += static_cast<size_t>(done);
  }
  return std::string_view(*buffer);
}

Result<bool> SymbolStream::next(std::string_view* block, size_t known, uint64_t* weight,
                                std::vector<uint32_t>* symbols) {
  if (block->empty()) return false;
  const char* at = block->data();
  const char* const end = at + block->size();
  uint64_t size = 0, symbol = 0;
  bool whole = take_number(&at, end, weight) && take_number(&at, end, &size) &&
               size <= static_cast<uint64_t>(end - at);
  if (whole) symbols->resize(size);
  for (size_t i = 0; whole && i < size; ++i) {
    whole = take_number(&at, end, &symbol) && symbol < known;
    (*symbols)[i] = static_cast<uint32_t>(symbol);
  }
  if (!whole) return Status(StatusCode::invalid_data, "a work file of training changed while it was read");
  block->remove_prefix(static_cast<size_t>(at - block->data()));
  return true;
}

}  // namespace belle::tokenizer
