/* Makes room for the next path. */
#undef NAMED
#undef LANES
#undef RADIX
#undef BLOCK
#undef WINDOW
#undef TARGET
#undef INLINED
#undef vector
