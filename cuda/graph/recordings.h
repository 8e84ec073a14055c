#pragma once
// Recordings: what a backend has recorded of ops that come again, by their keys, and whether the next ones
// under a key are run, recorded or replayed. Host code; Graph is what a recording is, movable.
#include <algorithm>
#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <utility>

namespace belle::cuda {

enum class Visit { run, record, replay };

template <class Graph>
class Recordings {
 public:
  // Ops that come twice and not again would pay for a recording that nobody replays.
  static constexpr int kRunsBefore = 2;
  static constexpr size_t kMost = 64;  // keys; the one that came longest ago makes room

  // What is to be done with the ops of this key, this time.
  Visit next(std::string_view key) {
    Entry& entry = entry_of(key);
    entry.last = ++time_;
    if (entry.graph) return Visit::replay;
    if (entry.refused) return Visit::run;
    return entry.runs++ < kRunsBefore ? Visit::run : Visit::record;
  }
  // Of a key that is to be replayed.
  Graph& graph(std::string_view key) { return *entries_.find(key)->second.graph; }
  // Of a key that came and was not cleared since; else nothing is kept.
  void keep(std::string_view key, Graph graph) {
    if (const auto known = entries_.find(key); known != entries_.end())
      known->second.graph.emplace(std::move(graph));
  }
  // From now on the ops of this key are run.
  void refuse(std::string_view key) {
    const auto known = entries_.find(key);
    if (known == entries_.end()) return;
    known->second.graph.reset();
    known->second.refused = true;
  }
  void clear() { entries_.clear(); }
  size_t size() const { return entries_.size(); }

 private:
  struct Entry {
    std::optional<Graph> graph;
    int runs = 0;
    bool refused = false;
    uint64_t last = 0;
  };
  Entry& entry_of(std::string_view key) {
    const auto known = entries_.find(key);
    if (known != entries_.end()) return known->second;
    if (entries_.size() >= kMost) {
      entries_.erase(std::min_element(entries_.begin(), entries_.end(), [](const auto& a, const auto& b) {
        return a.second.last < b.second.last;
      }));
    }
    return entries_[std::string(key)];
  }

  std::map<std::string, Entry, std::less<>> entries_;
  uint64_t time_ = 0;
};

}  // namespace belle::cuda
