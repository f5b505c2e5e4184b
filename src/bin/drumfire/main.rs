//! The command line of drumfire.
//!
//! The floor above the library: it uses the public API and nothing else. `args` is what can be
//! said, the file of each command does it, and the rest are the tools they share: a load generator
//! (`load` over `many`), the echo server (`serve`) and the bare one it is measured against (`floor`),
//! child processes and what they say to each other (`process`, `protocol`, `session`), and reports.
//! `security` is how messages travel, and `preset` over what network. `proxy` is a network, and `certs`
//! stands apart: certificates need none.

mod args;
mod bench;
mod book;
#[cfg(any(feature = "aws-lc-rs", feature = "ring"))]
mod certs;
mod client;
mod clock;
mod demo;
mod doctor;
mod failure;
mod figures;
mod floor;
mod histogram;
mod limits;
mod load;
mod many;
mod message;
mod ping;
mod pipelines;
mod preset;
mod process;
mod protocol;
mod proxy;
mod report;
mod say;
mod screen;
mod security;
mod serve;
mod session;
mod stop;
mod table;
mod tally;
mod text;

use std::process::ExitCode;

use clap::Parser;

use args::{Cli, Command};
use failure::{Failure, Verdict};

fn main() -> ExitCode {
    let outcome = match Cli::parse().wanted() {
        Command::Demo(args) => demo::run(&args),
        Command::Serve(args) => serve::run(&args),
        Command::Client(args) => client::run(&args),
        Command::Bench(args) => bench::run(&args),
        Command::Ping(args) => ping::run(&args),
        Command::Proxy(args) => proxy::run(&args),
        #[cfg(any(feature = "aws-lc-rs", feature = "ring"))]
        Command::Certs(command) => certs::run(&command),
        Command::Doctor(args) => doctor::run(&args),
        Command::Floor(args) => floor::run(&args),
    };
    exit_code(outcome)
}

/// 0 if all is well, 1 if what was asked for was done and found bad, 2 if it could not be done.
fn exit_code(outcome: Result<Verdict, Failure>) -> ExitCode {
    match outcome {
        Ok(Verdict::Good) => ExitCode::SUCCESS,
        Ok(Verdict::Bad) => ExitCode::from(1),
        Err(failure) => {
            say::error(&format!("drumfire: {failure}"));
            ExitCode::from(2)
        }
    }
}
