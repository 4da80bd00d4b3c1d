/* The program's name, compiled by itself: functions whose bootstraps differ in nothing else share all the rest. */
#include "bootstrap.h"

__attribute__((externally_visible)) const char mark[] = MARK SHIM_MAIN;
