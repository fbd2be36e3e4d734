//! A deterministic simulator: the controllers unmodified, against an API server in memory.
