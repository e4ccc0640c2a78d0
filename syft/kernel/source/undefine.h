/* Undefines the macros of a path before the next one is included. */
#undef NAMED
#undef LANES
#undef RADIX
#undef BLOCK
#undef WINDOW
#undef TARGET
#undef INLINED
#undef vector
