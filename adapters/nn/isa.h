// The vector code of this machine, by the names that adapters/nn uses.
#pragma once

#include "adapters/kernels/isa.h"

namespace looktwice::nn {

using kernels::best_isa;
using kernels::Isa;
using kernels::isas_here;

}  // namespace looktwice::nn
