//! The shipped mappings on the real files, which are not part of the repository.

use std::collections::{BTreeMap, BTreeSet};

use super::*;

/// The folder of real files: `AFTERCARE_DATA`, or `shared/data` beside the checkout.
fn real_file(name: &str) -> Option<PathBuf> {
    let beside = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../../shared/data");
    let folder = std::env::var_os("AFTERCARE_DATA").map_or(beside, PathBuf::from);
    let path = folder.join(name);
    if path.is_file() {
        return Some(path);
    }
    println!("skipped: {name} is not at hand; set AFTERCARE_DATA to its folder");
    None
}

fn by_shipped(name: &str, mapping: &str) -> Option<(Summary, Kept)> {
    let refused = tempfile::tempdir().unwrap();
    let refused = Some(refused.path().join("refused.csv"));
    Some(import(&real_file(name)?, Path::new(mapping), refused).unwrap())
}

#[test]
fn nhs_proms_are_imported_completely() {
    let Some((summary, kept)) = by_shipped("nhs_proms_eq5d3l.csv", "nhs-eq5d3l") else { return };
    assert_eq!((summary.lines, summary.refused, summary.left_out), (5008, 0, 0));
    assert_eq!((summary.patients, summary.forms), (2504, 10_016));
    let enrolments = kept.enrolments();
    let responses = kept.responses();
    assert_eq!((enrolments.len(), responses.len()), (2504, 5008));
    let episodes: BTreeMap<&str, i64> =
        enrolments.iter().map(|e| (e.episode_id, e.treated_at.unwrap())).collect();
    assert_eq!(episodes.len(), 2504);
    let ids: BTreeSet<&str> = responses.iter().map(|r| r.id).collect();
    assert_eq!(ids.len(), 5008);
    for response in &responses {
        let treated_at = episodes[response.episode_id.unwrap()];
        let days = (response.answered_at - treated_at).div_euclid(86_400_000);
        assert!(days == if response.id.ends_with("Pre") { -14 } else { 183 }, "{days}");
    }
    let complete = |r: &&PromResponse| r.forms[0].answers.iter().all(|a| a.code.is_some());
    assert_eq!(responses.iter().filter(complete).count(), 5008 - 247);
}

#[test]
fn every_reading_of_the_wearers_is_imported_once() {
    let Some((summary, kept)) = by_shipped("heart_rate_fitbit.csv.gz", "fitbit-heart-rate") else { return };
    assert_eq!(
        (summary.lines, summary.readings, summary.refused, summary.patients),
        (479_864, 479_864, 0, 3)
    );
    let mut seen = BTreeSet::new();
    let uploads = kept.uploads();
    for upload in &uploads {
        assert!((1..=60).contains(&upload.readings.len()));
        for reading in &upload.readings {
            assert!(seen.insert((upload.device_id, reading.measured_at)));
        }
    }
    assert_eq!(seen.len(), 479_864);
    assert_eq!(summary.records["wearable-readings"], 192_168 / 60 + 1 + 154_104 / 60 + 1 + 133_592 / 60 + 1);
}
