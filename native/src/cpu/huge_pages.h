#pragma once

namespace scorecam {

void use_huge_pages();

}  // namespace scorecam
