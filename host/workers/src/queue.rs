//! Whose run is next.

use std::collections::VecDeque;

/// One tenant's runs.
#[derive(Debug)]
pub(crate) struct Lane<T> {
    pub waiting: VecDeque<T>,
    pub running: usize,
    /// Runs at a time.
    pub at_once: usize,
    pub share: u32,
    /// Runs begun so far.
    begun: u64,
}

impl<T> Lane<T> {
    pub fn new(waiting: impl IntoIterator<Item = T>, at_once: usize, share: u32) -> Self {
        Self { waiting: waiting.into_iter().collect(), running: 0, at_once, share, begun: 0 }
    }

    /// The lane's use of its share so far.
    fn had(&self) -> f64 {
        self.begun as f64 / f64::from(self.share.max(1))
    }
}

/// The lane whose run is to begin: of those that may, the one that had the least for its share. `None`
/// where `at_once` runs of all are under way, or no lane has one to begin.
pub(crate) fn next<T>(lanes: &mut [Lane<T>], at_once: usize) -> Option<(usize, T)> {
    if lanes.iter().map(|lane| lane.running).sum::<usize>() >= at_once {
        return None;
    }
    let may = |lane: &Lane<T>| !lane.waiting.is_empty() && lane.running < lane.at_once;
    let free = lanes.iter().enumerate().filter(|(_, lane)| may(lane));
    let (number, _) = free.min_by(|(_, a), (_, b)| a.had().total_cmp(&b.had()))?;
    let lane = lanes.get_mut(number)?;
    let item = lane.waiting.pop_front()?;
    lane.running += 1;
    lane.begun += 1;
    Some((number, item))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn begin(lanes: &mut [Lane<usize>], at_once: usize) -> Vec<usize> {
        std::iter::from_fn(|| next(lanes, at_once).map(|(lane, _)| lane)).collect()
    }

    #[test]
    fn lanes_take_turns_by_their_shares() {
        let mut lanes = [Lane::new(0..9, 99, 2), Lane::new(0..9, 99, 1)];
        assert_eq!(begin(&mut lanes, 6), [0, 1, 0, 0, 1, 0]);
    }

    #[test]
    fn one_lane_runs_no_more_than_it_may_at_a_time() {
        let mut lanes = [Lane::new(0..9, 1, 1), Lane::new(0..9, 2, 1)];
        assert_eq!(begin(&mut lanes, 8), [0, 1, 1]);
        lanes[0].running -= 1;
        assert_eq!(begin(&mut lanes, 8), [0]);
    }

    #[test]
    fn nothing_begins_beyond_the_whole() {
        let mut lanes = [Lane::new(0..9, 9, 1)];
        assert_eq!(begin(&mut lanes, 2).len(), 2);
        assert_eq!(next(&mut lanes, 2), None);
    }
}
