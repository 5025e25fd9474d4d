//! The shipped mappings on the real files, which are not part of the repository.

use std::collections::{BTreeMap, BTreeSet};

use aftercare_core::documents::Library;
use aftercare_core::facts::Answer;
use aftercare_core::reason::Reason;
use aftercare_core::score::ScoreOutcome;

use super::*;

/// The folder of real files: `AFTERCARE_DATA`, or `shared/data` beside the checkout.
pub(super) fn real_file(name: &str) -> Option<PathBuf> {
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
}

/// (patient, phase) to the index that the file gives, read without the import.
fn given_indices(path: &Path) -> BTreeMap<(String, String), Option<f64>> {
    let text = std::fs::read_to_string(path).unwrap();
    let mut lines = text.lines().filter(|line| !line.starts_with('#'));
    let header: Vec<&str> = lines.next().unwrap().split(',').collect();
    let column = |name| header.iter().position(|h| *h == name).unwrap();
    let (id, time, index) = (column("id"), column("time"), column("index_uk_mvh"));
    let cells = lines.map(|line| line.split(',').collect::<Vec<_>>());
    cells.map(|c| ((c[id].to_owned(), c[time].to_owned()), c[index].parse().ok())).collect()
}

#[test]
#[allow(clippy::float_cmp, reason = "both are the double nearest to the same decimal")]
fn nhs_indices_are_those_of_the_file() {
    let Some((_, kept)) = by_shipped("nhs_proms_eq5d3l.csv", "nhs-eq5d3l") else { return };
    let mut given = given_indices(&real_file("nhs_proms_eq5d3l.csv").unwrap());
    assert_eq!(given.len(), 5008);
    let library = Library::builtin();
    let instrument = library.instrument("eq-5d-3l", None).unwrap();
    let (mut equal, mut incomplete) = (0, 0);
    for response in kept.responses() {
        let form = response.forms.iter().find(|f| f.instrument == "eq-5d-3l").unwrap();
        let answers: Vec<Answer> =
            form.answers.iter().map(|a| Answer { item: a.item, code: a.code }).collect();
        let key =
            (response.patient_id.strip_prefix("nhs-").unwrap(), response.id.rsplit('-').next().unwrap());
        let index = given.remove(&(key.0.to_owned(), key.1.to_owned())).unwrap();
        match (instrument.score(&answers, Some("mvh-a1")), index) {
            (ScoreOutcome::Scored { score, .. }, Some(index)) if score == index => equal += 1,
            (ScoreOutcome::Unscored(Reason::MissingAnswers), None) => incomplete += 1,
            (outcome, index) => panic!("{outcome:?} where the file says {index:?}"),
        }
    }
    assert_eq!((equal, incomplete, given.len()), (5008 - 247, 247, 0));
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
