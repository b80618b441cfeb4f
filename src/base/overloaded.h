// One function out of several lambdas, for std::visit.
#pragma once

namespace mecapy::base {

template <class... F>
struct Overloaded : F... {
  using F::operator()...;
};
template <class... F>
Overloaded(F...) -> Overloaded<F...>;

}  // namespace mecapy::base
