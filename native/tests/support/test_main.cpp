// Separate from check.cpp so that benchmarks can use the helpers and keep a main of their own.
#include "tests/support/check.h"

/// Usage: NAME_test [substring of a case name]
int main(int argc, char** argv) { return hqq::test::run_all(argc > 1 ? argv[1] : ""); }
