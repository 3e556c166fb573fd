// Where .shared variables lie in each kernel's shared memory.
#pragma once

#include <map>
#include <set>
#include <vector>

#include "ir.hpp"

namespace talweg::ptx {

// Functions that a function may run, itself included. An indirect call may run any of them.
std::set<const Function*> reachable(const Translation& translation, const Function& function);
std::vector<const Function*> callees(const Translation& translation, const Function& function, bool& indirect);

struct SharedLayout {
  std::map<const Variable*, uint64_t> offsets;           // static variables
  std::map<const Function*, uint64_t> static_bytes;      // by kernel, up to where dynamic memory starts
  std::map<const Function*, uint64_t> dynamic_offset;    // by function
};

// Variables that no kernel uses together may share an address. Dynamic memory starts behind the static size.
SharedLayout lay_out_shared(const Translation& translation);

}  // namespace talweg::ptx
