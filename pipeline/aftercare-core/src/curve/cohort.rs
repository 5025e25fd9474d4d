//! Cohorts: who is compared with whom.

use serde::{Deserialize, Serialize};

use crate::documents::{COHORT_LEVELS, CohortLevel};

/// A path in the tree of cohorts: the procedure, then what the plan narrows it by (age band, sex, comorbidity, unless it
/// says otherwise), as far down as they are known.
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

    /// The cohort of a procedure by its name, as [`Cohort::name`] gives it. `None` where it is no cohort of that procedure.
    pub fn parse(procedure: &str, name: &str) -> Option<Cohort> {
        let narrowed = name.strip_prefix(procedure)?;
        let Some(levels) = narrowed.strip_prefix('/') else {
            return narrowed.is_empty().then(|| Cohort::new(procedure, [None; COHORT_LEVELS]))?;
        };
        let mut levels = levels.split('/');
        let characteristics = std::array::from_fn(|_| levels.next());
        levels.next().is_none().then(|| Cohort::new(procedure, characteristics))?
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

    /// What it says of a characteristic, where it names it.
    pub fn characteristic(&self, level: CohortLevel) -> Option<&str> {
        (1..=self.depth()).filter_map(|depth| self.level(depth)).find(|text| CohortLevel::of(text) == level)
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
    #[test]
    fn a_name_is_read_back_and_says_what_its_levels_are() {
        for levels in [
            [Some("60-69"), Some("female"), Some("none")],
            [Some("female"), Some("heart-failure"), Some("60-69")],
            [Some("diabetes"), None, None],
            [None; 3],
        ] {
            for procedure in ["pci-des", "pci/60-69"] {
                let cohort = Cohort::new(procedure, levels).unwrap();
                assert_eq!(Cohort::parse(procedure, cohort.name(cohort.depth())), Some(cohort.clone()));
                let named = CohortLevel::ALL.map(|level| cohort.characteristic(level));
                let (mut named, mut given) = (named.to_vec(), levels.to_vec());
                named.sort_unstable();
                given.sort_unstable();
                assert_eq!(named, given);
                assert!(cohort.characteristic(CohortLevel::Sex).is_none_or(|sex| sex == "female"));
                assert!(cohort.characteristic(CohortLevel::AgeBand).is_none_or(|band| band == "60-69"));
            }
        }
        for name in ["pci", "pci-des-2", "hip", "pci-des/a/b/c/d"] {
            assert_eq!(Cohort::parse("pci-des", name), None, "{name}");
        }
    }
}
