//! What sequence numbers say about one source: what is missing, and whether they can be believed at all.
//!
//! The decoder compares each number with the one expected. That alone would call it a loss when two devices behind one address count in turn: each change
//! from the lower to the higher counter looks like a gap, each change back like a restart. So a gap counts only when what follows goes on in order, and a
//! source that restarts again and again is one of which nothing can be told.

/// Of the last messages, so many restarts make the numbers unbelievable.
const RESTARTS: u32 = 4;
/// So many gaps without a restart between them are believed, in order or not: a link that loses every other datagram.
const GAPS: u32 = 8;

/// What the decoder said of one message.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Step {
    /// Records or datagrams that are missing before it; less than zero where some were found.
    pub(crate) lost: i64,
    /// It came late.
    pub(crate) reordered: u64,
    /// The numbers began anew.
    pub(crate) restarts: u64,
}

/// The numbers of one source, in one unit.
#[derive(Clone, Debug, Default)]
pub(crate) struct Continuity {
    /// A bit for each of the last 32 messages, the latest lowest: it was a restart.
    restarts: u32,
    /// Missing, but nothing has come in order since.
    unconfirmed: i64,
    /// Gaps in that.
    gaps: u32,
    /// Missing, and not handed out yet; less than zero where more was found than is left.
    fresh: i64,
}

impl Continuity {
    /// Takes in what the decoder said of a message.
    pub(crate) fn take(&mut self, step: Step) {
        self.restarts = self.restarts << 1 | u32::from(step.restarts > 0);
        if step.restarts > 0 {
            (self.unconfirmed, self.gaps) = (0, 0);
            return;
        }
        if step.lost > 0 {
            self.unconfirmed += step.lost;
            self.gaps += 1;
        } else if step.lost < 0 {
            // Found again: of the latest gap, as far as that goes.
            let left = self.unconfirmed + step.lost;
            self.unconfirmed = left.max(0);
            self.fresh += left.min(0);
        }
        let is_in_order = step == Step::default();
        if is_in_order || self.gaps >= GAPS {
            self.confirm();
        }
    }

    /// True where nothing can be told.
    pub(crate) const fn is_unknown(&self) -> bool {
        self.restarts.count_ones() >= RESTARTS
    }

    /// Believes what is left, because nothing more will come.
    pub(crate) fn confirm(&mut self) {
        if !self.is_unknown() {
            self.fresh += self.unconfirmed;
        }
        (self.unconfirmed, self.gaps) = (0, 0);
    }

    /// What is missing that was not handed out before.
    pub(crate) fn take_lost(&mut self) -> u64 {
        let lost = self.fresh.max(0);
        self.fresh -= lost;
        lost.unsigned_abs()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn gap(lost: i64) -> Step {
        Step { lost, ..Step::default() }
    }

    const RESTART: Step = Step { lost: 0, reordered: 0, restarts: 1 };
    const FOUND: Step = Step { lost: -1, reordered: 1, restarts: 0 };
    const NEXT: Step = Step { lost: 0, reordered: 0, restarts: 0 };

    fn lost(steps: &[Step]) -> (u64, bool) {
        let mut continuity = Continuity::default();
        steps.iter().for_each(|step| continuity.take(*step));
        (continuity.take_lost(), continuity.is_unknown())
    }

    #[test]
    fn a_gap_counts_when_the_next_is_in_order() {
        assert_eq!(lost(&[NEXT, gap(3)]), (0, false));
        assert_eq!(lost(&[NEXT, gap(3), NEXT]), (3, false));
        assert_eq!(lost(&[gap(3), gap(2), NEXT]), (5, false));
    }

    #[test]
    fn what_comes_late_is_taken_back() {
        assert_eq!(lost(&[NEXT, gap(3), FOUND, NEXT]), (2, false));
        // Also when it was handed out before: then less is handed out later.
        let mut continuity = Continuity::default();
        [gap(3), NEXT].into_iter().for_each(|step| continuity.take(step));
        assert_eq!(continuity.take_lost(), 3);
        [FOUND, NEXT, gap(2), NEXT].into_iter().for_each(|step| continuity.take(step));
        assert_eq!(continuity.take_lost(), 1);
    }

    #[test]
    fn one_restart_is_a_restart() {
        assert_eq!(lost(&[NEXT, gap(2), NEXT, RESTART, NEXT, gap(1), NEXT]), (3, false));
    }

    #[test]
    fn two_counters_behind_one_address_are_no_loss() {
        let turns: Vec<_> = (0..20).flat_map(|_| [gap(500_000), RESTART]).collect();
        assert_eq!(lost(&turns), (0, true));
        // Three of them: the first turns are not known to be such.
        let turns: Vec<_> = (0..20).flat_map(|_| [gap(500), gap(70_000), RESTART]).collect();
        assert_eq!(lost(&turns), (0, true));
        // And when they have parted, it is forgotten.
        let healed: Vec<_> = turns.into_iter().chain([NEXT; 40]).chain([gap(7), NEXT]).collect();
        assert_eq!(lost(&healed), (7, false));
    }

    #[test]
    fn every_other_message_lost_is_believed() {
        assert_eq!(lost(&[gap(1); 16]), (16, false));
        let mut continuity = Continuity::default();
        continuity.take(gap(5));
        continuity.confirm();
        assert_eq!(continuity.take_lost(), 5);
    }
}
