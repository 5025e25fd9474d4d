//! Answered forms of a patient become scores, by the patient's state as in the running system. There are no curves in a
//! file: what is expected is what a line gives.

use std::collections::BTreeMap;
use std::sync::Arc;

use aftercare_core::curve::{COMPOSITE, Curves};
use aftercare_core::documents::Library;
use aftercare_core::facts::{Body, RecordHead, RecordStatus};
use aftercare_core::patient::{Changes, Judges, Patient, ScoreChange, ScoreStatus, Verdict};
use aftercare_core::time::Instant;

use crate::facts_file::{Given, Line};

/// Forms of one patient.
#[derive(Default)]
pub(super) struct Scored {
    patient: Patient,
    /// Uploads that wait for an enrolment.
    waiting: Vec<Line>,
    expected: BTreeMap<Box<str>, Expected>,
    changes: Changes,
}

struct Expected {
    index: Option<f64>,
    n: Option<u32>,
    edition: Option<Arc<str>>,
}

impl Scored {
    /// Offers a record. Only enrolments and uploads concern scores; an upload whose numbers are given takes back the forms
    /// of its earlier revisions. What could not be taken without an enrolment is kept, to be offered again.
    pub(super) fn offer(
        &mut self,
        line: Line,
        (head, body): (&RecordHead<'_>, &Body<'_>),
        given: Option<&Given<'_>>,
        library: &Library,
    ) -> Verdict {
        let status = match body {
            Body::Enrolment(_) => head.status,
            Body::Upload(upload) if upload.forms.is_empty() => RecordStatus::EnteredInError,
            Body::Upload(_) => head.status,
            _ => return Verdict::Accepted,
        };
        let head = RecordHead { status, ..*head };
        let verdict = self.patient.offer(&head, body, line.stored_at, library);
        match (&verdict, given) {
            (Verdict::Hold, _) => self.waiting.push(line),
            (Verdict::Accepted, Some(given)) => {
                let edition = given.edition.map(Arc::from);
                let expected = Expected { index: given.expected, n: given.n, edition };
                self.expected.insert(head.id.into(), expected);
            }
            _ => {}
        }
        verdict
    }

    /// What waited, now that an enrolment came.
    pub(super) fn take_waiting(&mut self) -> Vec<Line> {
        std::mem::take(&mut self.waiting)
    }

    /// The rows by which episodes are judged that differ from what was said before.
    pub(super) fn rows(&mut self, library: &Library, mut judge: impl FnMut(&ScoreChange)) {
        let curves = Curves::default();
        let judges = Judges { library, curves: &curves, partition: 0, last_sequence: 0 };
        self.patient.changes(&judges, &mut self.changes);
        for row in &mut self.changes.scores {
            if !self.patient.is_deciding(row, library) {
                continue;
            }
            if let Some(expected) = self.expected.get(&*row.upload_id) {
                (row.expected, row.expected_n) = (expected.index, expected.n);
                row.curve_edition = expected.edition.clone();
            }
            judge(row);
        }
    }
}

/// The row of an upload whose numbers are given.
pub(super) fn given_row(
    head: &RecordHead<'_>,
    (answered_at, uploaded_at, stored_at): (Instant, Instant, Instant),
    episode: &str,
    given: &Given<'_>,
) -> ScoreChange {
    ScoreChange {
        episode_id: episode.into(),
        upload_id: head.id.into(),
        upload_revision: head.revision,
        instrument: COMPOSITE.into(),
        status: match given.index {
            _ if head.status == RecordStatus::EnteredInError => ScoreStatus::Withdrawn,
            Some(_) => ScoreStatus::Scored,
            None => ScoreStatus::Unscored,
        },
        reason: given.missing,
        answered_at,
        uploaded_at,
        stored_at,
        score: given.score,
        baseline: given.baseline,
        index: given.index,
        expected: given.expected,
        expected_n: given.n,
        curve_edition: given.edition.map(Arc::from),
        source: head.source,
        ..ScoreChange::default()
    }
}
