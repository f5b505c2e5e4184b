//! The command line of drumfire.

fn main() {}
