// The instruction sets that tests run on.
#pragma once

#include <cstdio>
#include <cstring>
#include <string>
#include <vector>

#include "check.h"
#include "scorecam.h"

namespace variants {

inline bool ok(scorecam_status status) {
  return CHECK(status == SCORECAM_STATUS_OK, "%s: %s", scorecam_status_name(status), scorecam_last_message());
}

// Of this machine, without the scalar oracle.
inline std::vector<std::string> all() {
  std::vector<std::string> names;
  for (const char *name : {"baseline", "avx2", "avx512", "avx512bf16", "neon"}) {
    const bool known = scorecam_set_max_isa(name) == SCORECAM_STATUS_OK;
    if (known && std::strcmp(scorecam_active_isa(), name) == 0)
      names.push_back(name);
    else
      std::printf("%s: %s\n", name, known ? "not on this machine" : "not of this architecture");
  }
  CHECK(!names.empty(), "no instruction set but the oracle's");
  return names;
}

// All of them, and the oracle.
inline std::vector<std::string> all_and_oracle() {
  std::vector<std::string> names = all();
  names.push_back("scalar");
  return names;
}

inline void use(const std::string &isa) { ok(scorecam_set_max_isa(isa.c_str())); }

}  // namespace variants
