// RocksDB with BlobDB doing what varvebench's engine cells do: pages under 36-byte names, 32 to a
// call, every page verified with XXH3-64. Orders come as lines ("get-hot WORKERS SECONDS"), answers
// go as lines of JSON. Options are those of RocksDB's own guidance for large values: blob files
// with garbage collection by age, direct I/O, a blob cache as large as our page arena.

#include <fcntl.h>
#include <sys/resource.h>
#include <xxhash.h>

#include <atomic>
#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <iostream>
#include <sstream>
#include <string>
#include <thread>
#include <vector>

#include <rocksdb/cache.h>
#include <rocksdb/db.h>
#include <rocksdb/filter_policy.h>
#include <rocksdb/table.h>

namespace {

using Clock = std::chrono::steady_clock;

[[noreturn]] void fail(const std::string &what) {
  std::cerr << "rocksbench: " << what << "\n";
  std::exit(1);
}

void check(const rocksdb::Status &status, const char *what) {
  if (!status.ok()) fail(std::string(what) + ": " + status.ToString());
}

double cpu_seconds() {
  rusage usage;
  getrusage(RUSAGE_SELF, &usage);
  auto seconds = [](const timeval &time) { return time.tv_sec + time.tv_usec / 1e6; };
  return seconds(usage.ru_utime) + seconds(usage.ru_stime);
}

uint64_t mixed(uint64_t value) {  // the finalizer of SplitMix64
  value = (value ^ (value >> 30)) * 0xbf58476d1ce4e5b9u;
  value = (value ^ (value >> 27)) * 0x94d049bb133111ebu;
  return value ^ (value >> 31);
}

// Incompressible pages in touched memory, as many as make 128 MiB, and their checksums.
struct Pages {
  size_t page_bytes, count;
  std::vector<char> memory;
  std::vector<uint64_t> checksums;

  explicit Pages(size_t bytes) : page_bytes(bytes), count((128u << 20) / bytes) {
    memory.resize(page_bytes * count);
    uint64_t state = 88172645463325252u;
    auto *words = reinterpret_cast<uint64_t *>(memory.data());
    for (size_t index = 0; index < memory.size() / 8; index++) {
      state ^= state << 13;
      state ^= state >> 7;
      state ^= state << 17;
      words[index] = state;
    }
    for (size_t page = 0; page < count; page++)
      checksums.push_back(XXH3_64bits(at(page), page_bytes));
  }

  const char *at(size_t page) const { return memory.data() + page % count * page_bytes; }
  uint64_t checksum(size_t page) const { return checksums[page % count]; }
};

// Namespace (4 bytes) and page id (32), as evenly spread as SHA-256 makes them.
std::string name(uint64_t chain, size_t page) {
  std::string key(36, '\0');
  for (int word = 0; word < 4; word++) {
    uint64_t part = mixed(chain * 1000003 + page * 4 + word + 0x9e3779b97f4a7c15u);
    memcpy(&key[4 + word * 8], &part, 8);
  }
  return key;
}

struct Bench {
  Pages pages;
  size_t per_call, hot_calls, cold_calls;
  bool wal;
  std::string directory;
  rocksdb::DB *db = nullptr;
  std::atomic<uint64_t> next_chain{1ull << 40};
  std::atomic<uint64_t> calls{0};
  bool has_hot = false, has_cold = false;

  rocksdb::Options options(size_t cache_bytes) const {
    rocksdb::Options options;
    options.create_if_missing = true;
    options.enable_blob_files = true;
    options.min_blob_size = 0;
    options.blob_file_size = 64ull << 20;
    options.enable_blob_garbage_collection = true;
    options.blob_garbage_collection_age_cutoff = 0.25;
    options.blob_cache = rocksdb::NewLRUCache(cache_bytes);
    options.compression = rocksdb::kNoCompression;
    options.blob_compression_type = rocksdb::kNoCompression;
    options.write_buffer_size = 128ull << 20;
    options.max_write_buffer_number = 4;
    options.max_background_jobs = 4;
    options.use_direct_reads = true;
    options.use_direct_io_for_flush_and_compaction = true;
    options.bytes_per_sync = 0;
    options.prepopulate_blob_cache = rocksdb::PrepopulateBlobCache::kFlushOnly;
    rocksdb::BlockBasedTableOptions table;
    table.block_cache = rocksdb::NewLRUCache(64 << 20);
    table.filter_policy.reset(rocksdb::NewBloomFilterPolicy(10));
    table.cache_index_and_filter_blocks = true;
    options.table_factory.reset(rocksdb::NewBlockBasedTableFactory(table));
    return options;
  }

  void open(size_t cache_bytes) {
    delete db;
    db = nullptr;
    check(rocksdb::DB::Open(options(cache_bytes), directory, &db), "open");
  }

  void put(uint64_t chain, size_t call) {
    rocksdb::WriteOptions write;
    write.disableWAL = !wal;
    rocksdb::WriteBatch batch;
    for (size_t page = 0; page < per_call; page++) {
      size_t from = call * per_call + page;
      if (XXH3_64bits(pages.at(from), pages.page_bytes) != pages.checksum(from)) fail("memory");
      check(batch.Put(name(chain, page), {pages.at(from), pages.page_bytes}), "batch");
    }
    check(db->Write(write, &batch), "put");
  }

  void fill(uint64_t first, size_t count) {
    for (size_t call = 0; call < count; call++) put(first + call, call);
    check(db->Flush(rocksdb::FlushOptions()), "flush");
  }

  void get(uint64_t chain, size_t call, bool copies, std::vector<char> &target) {
    std::vector<std::string> keys;
    for (size_t page = 0; page < per_call; page++) keys.push_back(name(chain, page));
    std::vector<rocksdb::Slice> slices(keys.begin(), keys.end());
    std::vector<rocksdb::PinnableSlice> values(per_call);
    std::vector<rocksdb::Status> statuses(per_call);
    rocksdb::ReadOptions read;
    db->MultiGet(read, db->DefaultColumnFamily(), per_call, slices.data(), values.data(),
                 statuses.data());
    for (size_t page = 0; page < per_call; page++) {
      check(statuses[page], "get");
      size_t from = call * per_call + page;
      const char *bytes = values[page].data();
      if (copies) {
        memcpy(target.data(), bytes, pages.page_bytes);
        bytes = target.data();
      }
      if (XXH3_64bits(bytes, pages.page_bytes) != pages.checksum(from)) fail("other bytes");
    }
  }

  void call(const std::string &order, uint64_t turn, std::vector<char> &target) {
    if (order == "put") return put(next_chain++, turn);
    bool hot = order == "get-hot";
    uint64_t number = turn % (hot ? hot_calls : cold_calls);
    get((hot ? 1 : 1 << 20) + number, number, hot, target);
  }

  void prepare(const std::string &order) {
    if (order == "get-hot" && !has_hot) {
      has_hot = true;
      fill(1, hot_calls);
      std::vector<char> target(pages.page_bytes);
      for (size_t call = 0; call < hot_calls; call++) get(1 + call, call, true, target);
    }
    if (order == "get-cold" && !has_cold) {
      has_cold = true;
      fill(1 << 20, cold_calls);
    }
  }

  void round(const std::string &order, int workers, double seconds) {
    prepare(order);
    calls = 0;
    double cpu = cpu_seconds();
    auto begun = Clock::now();
    auto end = begun + std::chrono::duration_cast<Clock::duration>(
                           std::chrono::duration<double>(seconds));
    std::vector<std::thread> threads;
    for (int worker = 0; worker < workers; worker++)
      threads.emplace_back([&, worker] {
        std::vector<char> target(pages.page_bytes);
        for (uint64_t turn = worker; Clock::now() < end; turn += workers) {
          call(order, turn, target);
          calls++;
        }
      });
    for (auto &thread : threads) thread.join();
    double took = std::chrono::duration<double>(Clock::now() - begun).count();
    uint64_t done = calls, count = done * per_call;
    printf("{\"calls\":%lu,\"bytes\":%lu,\"pages\":%lu,\"seconds\":%.6f,\"cpu\":%.6f}\n", done,
           count * pages.page_bytes, count, took, cpu_seconds() - cpu);
    fflush(stdout);
  }
};

}  // namespace

int main(int count, char **words) {
  if (count != 8) fail("DIRECTORY PAGE-BYTES PAGES HOT-CALLS COLD-CALLS CACHE-BYTES wal|nowal");
  Bench bench{Pages(strtoull(words[2], nullptr, 10)), strtoull(words[3], nullptr, 10),
              strtoull(words[4], nullptr, 10), strtoull(words[5], nullptr, 10),
              std::string(words[7]) == "wal", words[1]};
  bench.open(strtoull(words[6], nullptr, 10));
  puts("ready");
  fflush(stdout);
  std::string line;
  while (std::getline(std::cin, line)) {
    std::istringstream order(line);
    std::string what;
    int workers = 0;
    double seconds = 0;
    order >> what >> workers >> seconds;
    if (!order || workers < 1) fail("order " + line);
    bench.round(what, workers, seconds);
  }
  delete bench.db;
}
