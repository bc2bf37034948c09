// Each property of VerifyProgram, shown to fail on a Program damaged on purpose.
#include "compiler/verify.h"

#include <algorithm>
#include <functional>

#include "absl/strings/match.h"
#include "compiler/test_graphs.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"

namespace tatami {
namespace {

constexpr Mesh kMesh = {2, 3};
constexpr uint64_t kSeeds = 12;

const std::vector<Program>& Programs() {
  static const auto* const kPrograms = [] {
    auto* const out = new std::vector<Program>;
    for (uint64_t seed = 0; seed < kSeeds; ++seed) {
      out->push_back(LoweredTrainingStep(kMesh, seed));
    }
    return out;
  }();
  return *kPrograms;
}

// Puts the damage into the program, or returns false where it has no place for it.
struct Damage {
  std::string name;
  std::function<bool(Program&)> apply;
  std::vector<std::string> messages;  // one of them must be named
};

// Applies `change` to the first exchange for which it returns true.
std::function<bool(Program&)> OnExchange(
    std::function<bool(Program&, Superstep&, size_t)> change) {
  return [change](Program& p) {
    for (Superstep& s : p.supersteps) {
      for (size_t e = 0; e < s.exchanges.size(); ++e) {
        if (change(p, s, e)) return true;
      }
    }
    return false;
  };
}

std::function<bool(Program&)> OnCompute(
    std::function<bool(Program&, ComputeOp&)> change) {
  return [change](Program& p) {
    for (Superstep& s : p.supersteps) {
      for (ComputeOp& c : s.computes) {
        if (change(p, c)) return true;
      }
    }
    return false;
  };
}

// The first class and a storage of it that has bytes and satisfies `wanted`.
std::function<bool(Program&)> OnStorage(
    std::function<bool(Program&, NodeClass&, int)> change) {
  return [change](Program& p) {
    NodeClass& c = p.classes[0];
    for (size_t s = 0; s < c.address.size(); ++s) {
      if (c.storage_bytes[s] > 0 && change(p, c, static_cast<int>(s))) return true;
    }
    return false;
  };
}

bool IsRead(const Program& p, int buffer) {
  for (const Superstep& s : p.supersteps) {
    for (const ExchangeOp& e : s.exchanges) {
      if (e.from == buffer) return true;
    }
    for (const ComputeOp& c : s.computes) {
      if (std::count(c.in.begin(), c.in.end(), buffer) > 0) return true;
    }
  }
  return false;
}

void PrintTo(const Damage& damage, std::ostream* out) { *out << damage.name; }

std::vector<Damage> ExchangeOrderDamages() {
  return {
      {"a receive without a send",
       OnExchange([](Program& p, Superstep& s, size_t e) {
         if (!IsRead(p, s.exchanges[e].to)) return false;
         s.exchanges.erase(s.exchanges.begin() + static_cast<int64_t>(e));
         return true;
       }),
       {"before it is written", "while its storage holds"}},
      {"a send before its value is made",
       [](Program& p) {
         for (size_t s = 1; s < p.supersteps.size(); ++s) {
           for (const ComputeOp& c : p.supersteps[s - 1].computes) {
             for (const ExchangeOp& e : p.supersteps[s].exchanges) {
               if (e.from != c.out) continue;
               p.supersteps[s - 1].exchanges.push_back(e);
               return true;
             }
           }
         }
         return false;
       },
       {"sent before it is written", "sent while its storage holds"}},
      {"one exchange writes what another of its superstep reads",
       OnExchange([](Program& p, Superstep& s, size_t e) {
         if (e == 0 || p.buffers[s.exchanges[0].from].persistent) return false;
         p.buffers[s.exchanges[e].to].storage = p.buffers[s.exchanges[0].from].storage;
         return true;
       }),
       {"written while it is sent"}},
      {"two exchanges fill one buffer",
       OnExchange([](Program&, Superstep& s, size_t e) {
         s.exchanges.push_back(s.exchanges[e]);
         return true;
       }),
       {"filled twice at once"}},
  };
}

std::vector<Damage> ExchangeTermDamages() {
  return {
      {"a source that is no partition",
       OnExchange([](Program& p, Superstep& s, size_t e) {
         for (const ProgramBuffer& b : p.buffers) {
           ProgramBuffer& from = p.buffers[s.exchanges[e].from];
           if (b.placement.IsPartition() || b.type != from.type) continue;
           from.placement = b.placement;
           return true;
         }
         return false;
       }),
       {"copied from, but not a partition", "not placed as"}},
      {"terms of a sum are dropped",
       OnExchange([](Program&, Superstep& s, size_t e) {
         if (s.exchanges[e].resolve.empty()) return false;
         s.exchanges[e].resolve.clear();
         return true;
       }),
       {"loses or invents terms"}},
      {"terms combined that are not there",
       OnExchange([](Program& p, Superstep& s, size_t e) {
         if (!p.buffers[s.exchanges[e].from].placement.partial.empty()) return false;
         s.exchanges[e].resolve = {WholeAxis(p.mesh, MeshAxis::kX)};
         return true;
       }),
       {"combined along an axis that holds no terms"}},
      {"a sum combined as a maximum",
       OnExchange([](Program&, Superstep& s, size_t e) {
         if (s.exchanges[e].resolve.empty()) return false;
         s.exchanges[e].combine = Combine::kMax;
         return true;
       }),
       {"combined in another way"}},
      {"sent as another type",
       OnExchange([](Program& p, Superstep& s, size_t e) {
         p.buffers[s.exchanges[e].to].type.dtype = DType::kBF16;
         return true;
       }),
       {"as another type", "have not the types"}},
  };
}

std::vector<Damage> ComputeCutDamages() {
  return {
      {"a halo narrower by one",
       OnCompute([](Program& p, ComputeOp& c) {
         for (const int in : c.in) {
           for (DimPlacement& d : p.buffers[in].placement.dims) {
             if (d.axes.empty() || d.map.hi <= 0) continue;
             --d.map.hi;
             return true;
           }
         }
         return false;
       }),
       {"not placed as"}},
      {"factors cut otherwise than the operands",
       OnCompute([](Program&, ComputeOp& c) {
         for (DimPlacement& f : c.factors) {
           if (f.axes.empty()) continue;
           f.axes.clear();
           return true;
         }
         return false;
       }),
       {"not placed as"}},
      {"a factor of another size",
       OnCompute([](Program&, ComputeOp& c) {
         if (c.factors.empty()) return false;
         ++c.factors[0].factor_size;
         return true;
       }),
       {"the cut factors are not those"}},
      {"one axis for two factors",
       OnCompute([](Program& p, ComputeOp& c) {
         if (c.factors.size() < 2) return false;
         c.factors[0].axes = c.factors[1].axes = {WholeAxis(p.mesh, MeshAxis::kX)};
         return true;
       }),
       {"the cut factors are not those"}},
      {"an output placed elsewhere",
       OnCompute([](Program& p, ComputeOp& c) {
         ProgramBuffer& out = p.buffers[c.out];
         if (IsRead(p, c.out) || out.persistent || out.placement.dims.empty()) {
           return false;
         }
         std::swap(out.placement.dims[0].axes, out.placement.partial);
         return !(out.placement.dims[0].axes == out.placement.partial);
       }),
       {"not placed as the output", "not a partition", "placed otherwise"}},
  };
}

std::vector<Damage> ComputeOrderDamages() {
  return {
      {"a call is dropped",
       [](Program& p) {
         for (Superstep& s : p.supersteps) {
           if (s.computes.empty() || !IsRead(p, s.computes.back().out)) continue;
           s.computes.pop_back();
           return true;
         }
         return false;
       },
       {"before it is written", "while its storage holds"}},
      {"two calls are swapped",
       [](Program& p) {
         for (Superstep& s : p.supersteps) {
           for (size_t c = 1; c < s.computes.size(); ++c) {
             const auto& in = s.computes[c].in;
             if (std::count(in.begin(), in.end(), s.computes[c - 1].out) == 0) continue;
             std::swap(s.computes[c], s.computes[c - 1]);
             return true;
           }
         }
         return false;
       },
       {"before it is written", "while its storage holds"}},
      {"an output over an input that is still read",
       OnCompute([](Program& p, ComputeOp& c) {
         for (size_t i = 0; i < c.in.size(); ++i) {
           const int may = *p.calls[c.call].call->op->may_overwrite;
           if (static_cast<int>(i) == may || p.buffers[c.in[i]].persistent) continue;
           p.buffers[c.out].storage = p.buffers[c.in[i]].storage;
           return true;
         }
         return false;
       }),
       {"overwritten while"}},
      {"a buffer of another shape",
       OnCompute([](Program& p, ComputeOp& c) {
         if (p.buffers[c.out].type.dims.empty()) return false;
         ++p.buffers[c.out].type.dims[0];
         return true;
       }),
       {"placed as another shape"}},
      {"an operand of another call",
       OnCompute([](Program&, ComputeOp& c) {
         if (c.in.size() < 2 || c.in[0] == c.in[1]) return false;
         std::swap(c.in[0], c.in[1]);
         return true;
       }),
       {"have not the types", "not placed as"}},
  };
}

std::vector<Damage> AddressDamages() {
  const auto shift = [](int64_t bytes) {
    return OnStorage([bytes](Program& p, NodeClass& c, int s) {
      if (c.address[s] + bytes < p.code_bytes) return false;
      c.address[s] += bytes;
      return true;
    });
  };
  return {
      {"two live storages share bytes",
       OnStorage([](Program& p, NodeClass& c, int s) {
         for (int t = 0; t < s; ++t) {
           const auto &a = p.storage_lifetime[s], &b = p.storage_lifetime[t];
           if (c.storage_bytes[t] == 0 || a.first > b.second || b.first > a.second ||
               c.address[t] + c.storage_bytes[s] > c.peak_bytes) {
             continue;
           }
           c.address[s] = c.address[t];
           return true;
         }
         return false;
       }),
       {"overlap while alive"}},
      {"a storage over the code",
       OnStorage([](Program&, NodeClass& c, int s) {
         c.address[s] = 0;
         return true;
       }),
       {"over the code"}},
      {"a storage beyond the SRAM",
       OnStorage([](Program& p, NodeClass& c, int s) {
         c.address[s] = p.sram_bytes;
         return true;
       }),
       {"beyond the SRAM"}},
      {"an address that is not aligned", shift(-4), {"not aligned"}},
      {"a peak below what is used",
       [](Program& p) {
         p.classes[0].peak_bytes -= kSramAlignment;
         return true;
       },
       {"above the peak of its class"}},
      {"a storage smaller than its buffer",
       OnStorage([](Program&, NodeClass& c, int s) {
         c.storage_bytes[s] = 0;
         return true;
       }),
       {"storage too small"}},
  };
}

std::vector<Damage> LifetimeDamages() {
  return {
      {"a storage that dies before its last reader",
       OnStorage([](Program& p, NodeClass&, int s) {
         auto& life = p.storage_lifetime[s];
         if (life.first == life.second) return false;
         --life.second;
         return true;
       }),
       {"its storage lives ticks"}},
      {"a storage born after its first writer",
       OnStorage([](Program& p, NodeClass&, int s) {
         auto& life = p.storage_lifetime[s];
         if (life.first == life.second) return false;
         ++life.first;
         return true;
       }),
       {"its storage lives ticks"}},
      {"a node in the class of another",
       [](Program& p) {
         if (p.classes.size() < 2) return false;
         p.class_of_node[0] = p.class_of_node[0] == 0 ? 1 : 0;
         return true;
       },
       {"storage too small", "nodes and has"}},
      {"a class table that is too short",
       [](Program& p) {
         p.classes[0].address.pop_back();
         return true;
       },
       {"node classes do not suit the mesh"}},
      {"a state whose bytes another buffer takes",
       OnCompute([](Program& p, ComputeOp& c) {
         if (p.buffers[c.out].storage == p.buffers[p.states[0].buffer].storage ||
             p.buffers[c.out].type == p.buffers[p.states[0].buffer].type) {
           return false;
         }
         p.buffers[c.out].storage = p.buffers[p.states[0].buffer].storage;
         return true;
       }),
       {"while its storage holds", "at the end holds", "overwritten while"}},
      {"a state that does not persist",
       [](Program& p) {
         p.buffers[p.states[0].buffer].persistent = false;
         return true;
       },
       {"does not persist"}},
      {"two states in one storage",
       [](Program& p) {
         p.buffers[p.states[1].buffer].storage = p.buffers[p.states[0].buffer].storage;
         return true;
       },
       {"shares the storage of"}},
  };
}

std::vector<Damage> EdgeDamages() {
  return {
      {"a fetch of terms",
       OnCompute([](Program& p, ComputeOp& c) {
         if (p.buffers[c.out].placement.partial.empty()) return false;
         // Kept to the end, so that only its terms are wrong.
         p.storage_lifetime[p.buffers[c.out].storage].second = 1 << 20;
         p.fetches[0].buffer = c.out;
         return true;
       }),
       {"not a partition", "fetched while its storage holds"}},
      {"a fetch of nothing",
       [](Program& p) {
         p.buffers.push_back(p.buffers[p.fetches[0].buffer]);
         p.buffers.back().storage = static_cast<int>(p.storage_lifetime.size());
         p.storage_lifetime.emplace_back(0, 0);
         for (NodeClass& c : p.classes) {
           c.storage_bytes.push_back(0);
           c.address.push_back(p.code_bytes);
         }
         p.fetches[0].buffer = static_cast<int>(p.buffers.size()) - 1;
         return true;
       },
       {"fetched before it is written"}},
      {"an index out of range",
       [](Program& p) {
         p.fetches[0].buffer = static_cast<int>(p.buffers.size());
         return true;
       },
       {"out of range"}},
      {"a negative index",
       OnExchange([](Program&, Superstep& s, size_t e) {
         s.exchanges[e].to = -1;
         return true;
       }),
       {"out of range"}},
      {"a buffer without storage",
       [](Program& p) {
         p.buffers[0].storage = -1;
         return true;
       },
       {"has no storage"}},
      {"an axis that the mesh has not",
       [](Program& p) {
         for (ProgramBuffer& b : p.buffers) {
           for (DimPlacement& d : b.placement.dims) {
             if (d.axes.empty()) continue;
             d.axes[0].size = 5;
             return true;
           }
         }
         return false;
       },
       {"used twice or is none"}},
  };
}

std::vector<Damage> FeedDamages() {
  const auto on_feed = [](void (*change)(Program&, ProgramFeed&)) {
    return [change](Program& p) {
      change(p, p.feeds[0]);
      return true;
    };
  };
  return {
      {"a feed behind its first reader",
       on_feed([](Program& p, ProgramFeed& f) {
         f.superstep = static_cast<int>(p.supersteps.size());
       }),
       {"before it is written"}},
      {"a feed long before its memory is free",
       [](Program& p) {
         for (ProgramFeed& f : p.feeds) {
           if (f.superstep == 0) continue;
           f.superstep = 0;
           return true;
         }
         return false;
       },
       {"its storage lives ticks"}},
      {"a feed after all supersteps",
       on_feed([](Program& p, ProgramFeed& f) {
         f.superstep = static_cast<int>(p.supersteps.size()) + 1;
       }),
       {"before a superstep that there is not"}},
      {"a feed of the second of one part",
       on_feed([](Program&, ProgramFeed& f) {
         f.part = {1, 1};
       }),
       {"fed a part that there is not"}},
      {"feeds of two wholes",
       on_feed([](Program& p, ProgramFeed& f) {
         ProgramFeed half = f;
         half.part = {0, 2};
         p.feeds.push_back(half);
       }),
       {"part of another whole"}},
  };
}

// A program laid on a 3x4 grid that has lost (1,1), and then damaged by `change`.
std::function<bool(Program&)> OnSite(std::function<void(MeshSite&)> change) {
  return [change](Program& p) {
    p.site = *LayMesh(*ParseDeadList({3, 4}, "(1,1)"), kMesh);
    change(*p.site);
    return true;
  };
}

std::vector<Damage> SiteDamages() {
  return {
      {"a node on a dead one",
       OnSite([](MeshSite& s) {
         s.embedding.physical[4] = {1, 1};
       }),
       {"node (1,1) lies on (1,1), which is dead"}},
      {"two nodes on one",
       OnSite([](MeshSite& s) { s.embedding.physical[1] = s.embedding.physical[0]; }),
       {"which another node has"}},
      {"a node outside the grid",
       OnSite([](MeshSite& s) {
         s.embedding.physical[5] = {3, 0};
       }),
       {"lies on (3,0), outside the grid 3x4"}},
      {"a node before the grid",
       OnSite([](MeshSite& s) {
         s.embedding.physical[0] = {0, -1};
       }),
       {"lies on (0,-1), outside the grid 3x4"}},
      {"a site of too few nodes",
       OnSite([](MeshSite& s) { s.embedding.physical.pop_back(); }),
       {"of another mesh than 2x3"}},
      {"a site of another mesh",
       OnSite([](MeshSite& s) {
         s.embedding.logical = {3, 2};
       }),
       {"of another mesh than 2x3"}},
      {"a site where nothing is dead",
       OnSite([](MeshSite& s) {
         s.live = *ParseDeadList({3, 4}, "");
       }),
       {"without dead parts"}},
  };
}

// Another program than the one given: one on 2x2 stages, damaged by `change`.
std::function<bool(Program&)> OnStages(std::function<bool(Program&)> change) {
  return [change](Program& p) {
    p = LoweredStagedStep({{4, 6}, {2, 2}}, static_cast<uint64_t>(p.buffers.size()));
    return change(p);
  };
}

std::vector<Damage> StageDamages() {
  return {
      {"a stage that there is not",
       OnStages([](Program& p) {
         p.buffers.back().stage = 4;
         return true;
       }),
       {"of a stage that there is not"}},
      {"an operand on another stage",
       OnStages(OnCompute([](Program& p, ComputeOp& c) {
         if (c.in.empty()) return false;
         p.buffers[c.in[0]].stage = (p.buffers[c.out].stage + 1) % 4;
         return true;
       })),
       {"not on the stage of", "a state that"}},
      {"terms sent to another stage",
       OnStages(OnExchange([](Program& p, Superstep& s, size_t e) {
         if (s.exchanges[e].resolve.empty()) return false;
         p.buffers[s.exchanges[e].to].stage =
             (p.buffers[s.exchanges[e].from].stage + 1) % 4;
         return true;
       })),
       {"terms sent to another stage", "not on the stage of"}},
      {"a state that ends on another stage",
       OnStages([](Program& p) {
         const int state = p.states[0].buffer;
         for (ProgramBuffer& b : p.buffers) {
           const bool next = b.storage == p.buffers[state].storage && !b.persistent;
           if (next) b.storage = p.buffers[p.states[1].buffer].storage;
         }
         p.buffers[state].stage = (p.buffers[state].stage + 1) % 4;
         return true;
       }),
       {"at the end holds", "not on the stage of", "while its storage holds"}},
  };
}

TEST(VerifyProgram, AcceptsStages) {
  for (uint64_t seed = 0; seed < kSeeds; ++seed) {
    for (const Mesh stages : {Mesh{2, 1}, Mesh{2, 2}, Mesh{4, 3}}) {
      EXPECT_EQ(VerifyProgram(LoweredStagedStep({{4, 6}, stages}, seed)).message(), "");
    }
  }
}

TEST(VerifyProgram, AcceptsWhatTheCompilerMakes) {
  for (Program p : Programs()) {
    EXPECT_EQ(VerifyProgram(p).message(), "");
    OnSite([](MeshSite&) {})(p);
    EXPECT_EQ(VerifyProgram(p).message(), "");
  }
}

class Damaged : public ::testing::TestWithParam<Damage> {};

TEST_P(Damaged, IsRefusedAndNamed) {
  int applied = 0;
  for (uint64_t seed = 0; seed < kSeeds; ++seed) {
    Program p = Programs()[seed];
    if (!GetParam().apply(p)) continue;
    ++applied;
    const absl::Status status = VerifyProgram(p);
    EXPECT_EQ(status.code(), absl::StatusCode::kInternal);
    const bool named = std::any_of(
        GetParam().messages.begin(), GetParam().messages.end(),
        [&](const std::string& m) { return absl::StrContains(status.message(), m); });
    EXPECT_TRUE(named) << "seed " << seed << ": " << status;
  }
  EXPECT_GT(applied, 0) << "no program has a place for this damage";
}

std::string TestNameOf(const ::testing::TestParamInfo<Damage>& info) {
  std::string name;
  for (const char c : info.param.name) name += c == ' ' ? '_' : c;
  return name;
}

INSTANTIATE_TEST_SUITE_P(ExchangeOrder, Damaged,
                         ::testing::ValuesIn(ExchangeOrderDamages()), TestNameOf);
INSTANTIATE_TEST_SUITE_P(ExchangeTerms, Damaged,
                         ::testing::ValuesIn(ExchangeTermDamages()), TestNameOf);
INSTANTIATE_TEST_SUITE_P(ComputeCuts, Damaged, ::testing::ValuesIn(ComputeCutDamages()),
                         TestNameOf);
INSTANTIATE_TEST_SUITE_P(ComputeOrder, Damaged,
                         ::testing::ValuesIn(ComputeOrderDamages()), TestNameOf);
INSTANTIATE_TEST_SUITE_P(Addresses, Damaged, ::testing::ValuesIn(AddressDamages()),
                         TestNameOf);
INSTANTIATE_TEST_SUITE_P(Lifetimes, Damaged, ::testing::ValuesIn(LifetimeDamages()),
                         TestNameOf);
INSTANTIATE_TEST_SUITE_P(Feeds, Damaged, ::testing::ValuesIn(FeedDamages()),
                         TestNameOf);
INSTANTIATE_TEST_SUITE_P(Edge, Damaged, ::testing::ValuesIn(EdgeDamages()), TestNameOf);
INSTANTIATE_TEST_SUITE_P(Stages, Damaged, ::testing::ValuesIn(StageDamages()),
                         TestNameOf);
INSTANTIATE_TEST_SUITE_P(Site, Damaged, ::testing::ValuesIn(SiteDamages()), TestNameOf);

}  // namespace
}  // namespace tatami
