//! Cohorts: who is compared with whom.

use serde::{Deserialize, Serialize};

use crate::documents::COHORT_LEVELS;

/// A path in the tree of cohorts: procedure, age band, sex, comorbidity, as far down as they are known.
///
/// It names its own cohort and every one above it: depth 0 is the procedure, each characteristic one level more.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct Cohort {
    /// The levels, separated by slashes.
    path: Box<str>,
    /// Where the level of each depth ends; those that are not known end where the path ends.
    ends: [u16; COHORT_LEVELS + 1],
    depth: u8,
}

impl Cohort {
    /// The path from a procedure down to the first characteristic that is not known. `None` where the texts are absurdly
    /// long.
    pub fn new(procedure: &str, characteristics: [Option<&str>; COHORT_LEVELS]) -> Option<Cohort> {
        let levels: usize = characteristics.iter().flatten().map(|level| level.len() + 1).sum();
        let mut path = String::with_capacity(procedure.len() + levels);
        path.push_str(procedure);
        let mut ends = [u16::try_from(path.len()).ok()?; COHORT_LEVELS + 1];
        let mut depth = 0;
        for level in characteristics.into_iter().map_while(|level| level) {
            path.push('/');
            path.push_str(level);
            depth += 1;
            let end = u16::try_from(path.len()).ok()?;
            ends.iter_mut().skip(usize::from(depth)).for_each(|known| *known = end);
        }
        Some(Cohort { path: path.into(), ends, depth })
    }

    /// How many characteristics it names.
    pub fn depth(&self) -> usize {
        usize::from(self.depth)
    }

    /// The name of the cohort at `depth`, such as `pci-des/60-69`.
    pub fn name(&self, depth: usize) -> &str {
        let end = self.ends.get(depth).copied().map_or(self.path.len(), usize::from);
        self.path.get(..end).unwrap_or(&self.path)
    }

    /// The procedure.
    pub fn procedure(&self) -> &str {
        self.name(0)
    }

    /// The characteristic at `depth`, from 1 on.
    pub fn level(&self, depth: usize) -> Option<&str> {
        let above = self.name(depth.checked_sub(1)?).len();
        self.name(depth).get(above + 1..)
    }

    /// How far down both go the same way; `None` where their procedures differ.
    pub fn shared_depth(&self, other: &Cohort) -> Option<usize> {
        if self == other {
            return Some(self.depth());
        }
        if self.procedure() != other.procedure() {
            return None;
        }
        let same = |depth: &usize| self.level(*depth).is_some() && self.level(*depth) == other.level(*depth);
        Some((1..=self.depth()).take_while(same).count())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_path_ends_at_the_first_characteristic_that_is_not_known() {
        let whole = Cohort::new("pci-des", [Some("60-69"), Some("female"), Some("none")]).unwrap();
        let names: Vec<&str> = (0..=whole.depth()).map(|depth| whole.name(depth)).collect();
        assert_eq!(names, ["pci-des", "pci-des/60-69", "pci-des/60-69/female", "pci-des/60-69/female/none"]);
        assert_eq!(
            [0, 1, 2, 3, 4].map(|depth| whole.level(depth)),
            [None, Some("60-69"), Some("female"), Some("none"), None]
        );
        let cut = Cohort::new("pci-des", [Some("60-69"), None, Some("none")]).unwrap();
        assert_eq!((cut.depth(), cut.name(3), cut.level(2)), (1, "pci-des/60-69", None));
        assert_eq!(whole.shared_depth(&cut), Some(1));
        assert_eq!(cut.shared_depth(&whole), Some(1));
    }

    #[test]
    fn a_procedure_may_contain_a_slash() {
        let odd = Cohort::new("pci/60-69", [Some("70-79"), None, None]).unwrap();
        let even = Cohort::new("pci", [Some("60-69"), Some("female"), None]).unwrap();
        assert_eq!((odd.procedure(), odd.level(1)), ("pci/60-69", Some("70-79")));
        assert_eq!(odd.shared_depth(&even), None);
    }
}
