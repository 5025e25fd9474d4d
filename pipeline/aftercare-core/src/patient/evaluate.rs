//! What an offered record would become, before anything is changed.

use super::Patient;
use super::forms::{FormHead, FormState, Forms};
use super::names::Names;
use super::record::Outcome;
use super::store::Seen;
use crate::documents::Library;
use crate::facts::{Body, EnrolmentFact, RecordHead, RecordStatus, UploadFact};
use crate::reason::Reason;
use crate::zone::Zone;

/// What an offered record would become; a rejection with its place.
pub(super) enum Evaluation {
    Rejected(Reason, String),
    Held,
    Superseded,
    Taken(Outcome, Forms),
}

impl Patient {
    pub(super) fn evaluate(
        &mut self,
        head: &RecordHead<'_>,
        body: &Body<'_>,
        seen: &Seen,
        library: &Library,
    ) -> Evaluation {
        let withdrawn = head.status == RecordStatus::EnteredInError;
        let mut taken = (Outcome::Accepted, Forms::default());
        let checked = match body {
            Body::Enrolment(fact) if !withdrawn => check_enrolment(fact),
            Body::Upload(upload) if !withdrawn => {
                score_forms(&mut self.names, upload, library).map(|scored| taken = scored)
            }
            Body::Clinical(fact) if !withdrawn && !fact.is_judgeable(library) => {
                taken.0 = Outcome::Unscored(Reason::UnsupportedUnit);
                Ok(())
            }
            _ => Ok(()),
        };
        if let Err((reason, place)) = checked {
            return Evaluation::Rejected(reason, place);
        }
        let waits = match body {
            Body::Enrolment(_) => false,
            Body::Upload(UploadFact { episode_id: Some(episode), .. }) => !self.knows_episode(episode),
            _ => !self.is_enrolled(),
        };
        match taken {
            _ if waits => Evaluation::Held,
            _ if seen.higher_taken => Evaluation::Superseded,
            (outcome, forms) => Evaluation::Taken(outcome, forms),
        }
    }
}

fn check_enrolment(fact: &EnrolmentFact<'_>) -> Result<(), (Reason, String)> {
    if fact.episode_id.is_empty() {
        return Err((Reason::MissingId, "episode_id".to_owned()));
    }
    match fact.time_zone {
        Some(zone) if Zone::named(zone).is_none() => Err((Reason::UnknownTimeZone, "time_zone".to_owned())),
        _ => Ok(()),
    }
}

/// Scores every form; the whole upload is rejected where one of them is not valid.
fn score_forms(
    names: &mut Names,
    upload: &UploadFact<'_>,
    library: &Library,
) -> Result<(Outcome, Forms), (Reason, String)> {
    if upload.forms.is_empty() {
        return Err((Reason::NoForms, "forms".to_owned()));
    }
    let mut forms = Forms(Vec::with_capacity(64));
    let mut values = Vec::new();
    let mut unscored = None;
    let mut any_scored = false;
    for (position, form) in upload.forms.iter().enumerate() {
        let place = |inner: &str| match inner {
            "" => format!("form {}", position + 1),
            _ => format!("form {} ({}), {inner}", position + 1, form.instrument),
        };
        let Some(document) = library.instrument(form.instrument, form.instrument_version) else {
            return Err((Reason::UnknownInstrument, place("")));
        };
        let earlier = upload.forms.get(..position).unwrap_or_default();
        if earlier.iter().any(|earlier| earlier.instrument == form.instrument) {
            return Err((Reason::ConflictingContent, place("instrument repeated")));
        }
        let missing = document
            .evaluate(&form.answers, &mut values)
            .map_err(|error| (error.reason, place(&error.place)))?;
        let state = missing.map_or(FormState::Scored, FormState::Unscored);
        any_scored |= missing.is_none();
        unscored = unscored.or(missing);
        let head = FormHead { instrument: names.intern(&document.id), version: document.version, state };
        forms.push(head, if missing.is_none() { &values } else { &[] });
    }
    let outcome = match unscored {
        Some(reason) if !any_scored => Outcome::Unscored(reason),
        _ => Outcome::Accepted,
    };
    Ok((outcome, forms))
}
