//! Parallel iteration over desks: how rayon's iterators leave this floor.

use rayon::iter::{IndexedParallelIterator, IntoParallelRefMutIterator};

pub use rayon::iter::ParallelIterator;

use crate::buffer::desk::Desk;

/// What `ports` makes of every desk, spread over the threads of the current pool, a desk at a time.
pub(crate) fn par_lanes<'a, I>(
    desks: &'a mut [Desk],
    ports: impl Fn(usize, &'a mut Desk) -> I + Send + Sync + 'a,
) -> impl ParallelIterator<Item = I::Item> + 'a
where
    I: Iterator + 'a,
    I::Item: Send + 'a,
{
    desks
        .par_iter_mut()
        .enumerate()
        .flat_map_iter(move |(shard, desk)| ports(shard, desk))
}
