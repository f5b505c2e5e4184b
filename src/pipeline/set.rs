//! The pipelines of a driver, in the order they were created, and what their stages are told.
//!
//! The same for all its connections, and shared by whoever sends or receives.

use super::shape::{PipelineShape, StageKind};
use crate::settings::PipelineParameters;

/// Priority of a pipeline nobody gave one.
const PRIORITY: u8 = 128;

/// All pipelines of a driver beside the null one.
#[derive(Clone, Debug, Default)]
pub(crate) struct Pipelines {
    pub(crate) parameters: PipelineParameters,
    entries: Vec<Entry>,
    windows: usize,
    memory_need: usize,
    /// The highest priority of any.
    first: u8,
}

#[derive(Clone, Debug)]
struct Entry {
    shape: PipelineShape,
    /// Which of the reliable windows of a connection is this pipeline's.
    window: Option<usize>,
    priority: u8,
}

impl Pipelines {
    /// None yet.
    pub(crate) fn new(parameters: PipelineParameters) -> Self {
        Self {
            parameters,
            ..Self::default()
        }
    }

    /// Adds a pipeline and returns its id; none if there is no id left.
    pub(crate) fn add(&mut self, shape: PipelineShape) -> Option<u8> {
        let id = self.len().checked_add(1)?;
        let window = shape.window().map(|_| self.windows);
        self.windows += usize::from(window.is_some());
        self.memory_need += shape.memory_need(&self.parameters);
        self.first = self.first.max(PRIORITY);
        self.entries.push(Entry {
            shape,
            window,
            priority: PRIORITY,
        });
        Some(id)
    }

    /// A pipeline of these stages, which is not one of them yet.
    pub(crate) fn shape_of(&self, stages: impl IntoIterator<Item = StageKind>) -> PipelineShape {
        PipelineShape::new(stages, &self.parameters)
    }

    /// Changes a pipeline's priority. False if there is no such pipeline.
    pub(crate) fn set_priority(&mut self, id: u8, priority: u8) -> bool {
        let entry = usize::from(id)
            .checked_sub(1)
            .and_then(|index| self.entries.get_mut(index));
        let known = entry.map(|entry| entry.priority = priority).is_some();
        let priorities = self.entries.iter().map(|entry| entry.priority);
        self.first = priorities.max().unwrap_or(PRIORITY);
        known
    }

    /// A pipeline's priority.
    pub(crate) fn priority(&self, id: u8) -> u8 {
        self.entry(id).map_or(PRIORITY, |entry| entry.priority)
    }

    /// Whether another pipeline comes before it.
    #[inline]
    pub(crate) fn yields(&self, id: u8) -> bool {
        self.entry(id)
            .is_some_and(|entry| entry.priority < self.first)
    }

    /// How many there are; the largest id.
    pub(crate) fn len(&self) -> u8 {
        u8::try_from(self.entries.len()).unwrap_or(u8::MAX)
    }

    /// The pipeline of an id; none for 0 and for ids there are not.
    #[inline]
    pub(crate) fn get(&self, id: u8) -> Option<&PipelineShape> {
        self.entry(id).map(|entry| &entry.shape)
    }

    /// Which of a connection's reliable windows is that pipeline's; none if it has no such stage.
    pub(crate) fn window(&self, id: u8) -> Option<usize> {
        self.entry(id)?.window
    }

    /// How many reliable windows a connection has.
    pub(crate) fn windows(&self) -> usize {
        self.windows
    }

    /// Most bytes of memory that the pipelines of one connection need at once (R29).
    pub(crate) fn memory_need(&self) -> usize {
        self.memory_need
    }

    fn entry(&self, id: u8) -> Option<&Entry> {
        self.entries.get(usize::from(id).checked_sub(1)?)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::id::StageId::{Fragmentation, Null, ReliableSequenced};

    #[test]
    fn ids_count_from_one_and_windows_from_zero() {
        let mut pipelines = Pipelines::default();
        for (stage, id) in [
            (Null, 1),
            (ReliableSequenced, 2),
            (Fragmentation, 3),
            (ReliableSequenced, 4),
        ] {
            let shape = pipelines.shape_of([stage.into()]);
            assert_eq!(pipelines.add(shape), Some(id));
        }
        assert!(pipelines.get(0).is_none() && pipelines.get(5).is_none());
        let windows = [1, 2, 3, 4].map(|id| pipelines.window(id));
        assert_eq!(windows, [None, Some(0), None, Some(1)]);
    }

    #[test]
    fn there_are_255_ids() {
        let mut pipelines = Pipelines::default();
        let shape = pipelines.shape_of([Null.into()]);
        assert!((1..=255).all(|id| pipelines.add(shape.clone()) == Some(id)));
        assert_eq!(pipelines.add(shape), None);
    }
}
