//! What the console shows and where its actions go: alerts from their topic, pages from ClickHouse, actions to
//! `alert-actions`.

use std::sync::atomic::{AtomicBool, Ordering::Relaxed};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use aftercare_clickhouse::{PageView, ServiceOf, Store, StoreError};
use aftercare_gateway::console::{
    Action, Board, Choice, ClinicianPage, Desk, DeskError, Owner, PatientLine, PatientPage, Reply,
    ServicePage, View,
};
use aftercare_kafka::Cluster;
use aftercare_kafka::drain::{Assigned, Drain};
use aftercare_kafka::writer::RecordWriter;
use aftercare_runtime::topics::{self, ALERT_ACTIONS, ALERTS};
use aftercare_schemas::codec;
use aftercare_schemas::wire::{Alert, AlertAction, AlertActionKind, RecordStatus, Source};
use aftercare_stream::log::{Batch, LogError};

use super::wall_clock;

/// Between two tries to read the alerts.
const RETRY: Duration = Duration::from_secs(1);
/// A person who clicks waits no longer than this for Kafka to confirm.
const CONFIRM_MAX: Duration = Duration::from_secs(10);
/// At most this many records are taken by one poll.
const POLL_RECORDS: usize = 4_096;

/// Keeps the board as the topic `alerts` says, committed rows only, until `stop` is set. An outage of Kafka leaves it as
/// it was.
pub(crate) fn feed(cluster: &Cluster, partitions: i32, board: &Board, stop: &AtomicBool) {
    while !stop.load(Relaxed) {
        if let Err(error) = follow(cluster, partitions, board, stop) {
            tracing::warn!(%error, "the console's alerts cannot be read, trying again");
            std::thread::sleep(RETRY);
        }
    }
}

fn follow(cluster: &Cluster, partitions: i32, board: &Board, stop: &AtomicBool) -> Result<(), LogError> {
    let topic = cluster.topic(topics::name(ALERTS));
    let mut drain = Drain::open(cluster, &[])?;
    drain.assign(&Assigned::whole(ALERTS, &topic, partitions))?;
    while !stop.load(Relaxed) {
        let batch = drain.poll(Duration::from_millis(50), POLL_RECORDS)?;
        for at in 0..batch.len() {
            let row = codec::decode::<Alert<'_>>(topics::name(ALERTS), batch.get(at).value, None);
            let put = row
                .map_err(|error| error.to_string())
                .and_then(|row| board.put(&row).map_err(|error| error.to_string()));
            if let Err(error) = put {
                tracing::error!(error, "a foreign record in the alerts topic");
            }
        }
    }
    Ok(())
}

/// The desk of a running installation.
pub(crate) struct InstalledDesk {
    cluster: Cluster,
    store: Store,
    /// Opened with the first action; opened anew after a failure, which a writer remembers.
    writer: Arc<Mutex<Option<RecordWriter>>>,
}

impl InstalledDesk {
    pub(crate) fn new(cluster: Cluster, store: Store) -> Self {
        Self { cluster, store, writer: Arc::default() }
    }

    async fn patient_page(&self, id: String) -> Result<Option<PatientPage>, StoreError> {
        let store = &self.store;
        let Some(owner) = store.patient_owner(&id).await? else { return Ok(None) };
        let (mut scores, mut vitals, vital_scores, alerts, reviews, entries) = tokio::try_join!(
            store.patient_scores(&id),
            store.patient_vitals(&id),
            store.patient_vital_scores(&id),
            store.patient_alerts(&id),
            store.patient_reviews(&id),
            store.patient_entries(&id),
        )?;
        // newest first is what a limit needs, oldest first is how a course is read
        scores.reverse();
        vitals.reverse();
        let owner = Owner { care_team: owner.care_team, clinician_id: owner.clinician_id };
        Ok(Some(PatientPage {
            patient_id: id,
            owner,
            scores,
            vitals,
            vital_scores,
            alerts,
            reviews,
            entries,
        }))
    }

    async fn clinician_page(&self, id: String) -> Result<Option<ClinicianPage>, StoreError> {
        let store = &self.store;
        let (patients, uploads, reviews, entries) = tokio::try_join!(
            store.clinician_patients::<PatientLine>(&id),
            store.clinician_uploads(&id),
            store.clinician_reviews(&id),
            store.clinician_entries(&id),
        )?;
        let page = ClinicianPage { clinician_id: id, patients, uploads, reviews, entries };
        let known = !page.patients.is_empty() || !page.reviews.is_empty() || !page.uploads.is_empty();
        Ok(known.then_some(page))
    }

    async fn service_page(
        &self,
        month: Option<String>,
        teams: Option<Vec<String>>,
    ) -> Result<ServicePage, StoreError> {
        let (store, teams) = (&self.store, teams.as_deref());
        let months = store.service_months(teams).await?;
        let Some(month) = month.or_else(|| months.first().cloned()) else {
            return Ok(ServicePage::default());
        };
        let of = ServiceOf { month: &month, teams };
        let (counts, bursts, uploads) =
            tokio::try_join!(store.service_counts(of), store.service_bursts(of), store.service_uploads(of))?;
        Ok(ServicePage { month, months, counts, bursts, uploads })
    }

    /// Writes the action and waits until it is confirmed.
    async fn record(&self, action: Action) -> anyhow::Result<()> {
        let value = encode(&action, wall_clock())?;
        let (cluster, writer) = (self.cluster.clone(), Arc::clone(&self.writer));
        let write = move || {
            let mut writer = writer.lock().unwrap_or_else(PoisonError::into_inner);
            let open = match writer.take() {
                Some(open) => open,
                None => cluster.writer()?,
            };
            open.write(topics::name(ALERT_ACTIONS), action.patient_id.as_bytes(), &value, &[])?;
            open.flush()?;
            *writer = Some(open);
            anyhow::Ok(())
        };
        tokio::time::timeout(CONFIRM_MAX, tokio::task::spawn_blocking(write)).await??
    }
}

fn answer<T>(result: Result<T, impl std::fmt::Display>) -> Result<T, DeskError> {
    result.map_err(|error| DeskError(error.to_string()))
}

impl Desk for InstalledDesk {
    fn patient(&self, patient_id: String) -> Reply<'_, Option<PatientPage>> {
        Box::pin(async move { answer(self.patient_page(patient_id).await) })
    }

    fn clinician(&self, clinician_id: String) -> Reply<'_, Option<ClinicianPage>> {
        Box::pin(async move { answer(self.clinician_page(clinician_id).await) })
    }

    fn service(&self, month: Option<String>, teams: Option<Vec<String>>) -> Reply<'_, ServicePage> {
        Box::pin(async move { answer(self.service_page(month, teams).await) })
    }

    fn act(&self, action: Action) -> Reply<'_, ()> {
        Box::pin(async move { answer(self.record(action).await.map_err(|error| format!("{error:#}"))) })
    }

    fn note(&self, view: View) -> Reply<'_, ()> {
        Box::pin(async move {
            let View { viewed_at, actor_id, role, page, subject_id, shown } = &view;
            let row = PageView { viewed_at: *viewed_at, actor_id, role, page, subject_id, shown: *shown };
            answer(self.store.insert_page_view(&row).await)
        })
    }
}

/// The record of an action that a person did at `now`.
fn encode(action: &Action, now: i64) -> Result<Vec<u8>, codec::EncodeError> {
    let (mut assignee_id, mut snoozed_until, mut outcome) = (None, None, None);
    let kind = match &action.choice {
        Choice::Acknowledge => AlertActionKind::Acknowledge,
        Choice::Escalate => AlertActionKind::Escalate,
        Choice::Assign { assignee_id: who } => {
            assignee_id = Some(&**who);
            AlertActionKind::Assign
        }
        Choice::Snooze { minutes } => {
            snoozed_until = Some(now.saturating_add(i64::from(*minutes) * 60_000));
            AlertActionKind::Snooze
        }
        Choice::Resolve { outcome: code } => {
            outcome = Some(&**code);
            AlertActionKind::Resolve
        }
    };
    let record = AlertAction {
        id: &action.id,
        revision: 1,
        status: RecordStatus::Final,
        source: match &*action.source {
            "live" => Source::Live,
            "import" => Source::Import,
            _ => Source::Simulated,
        },
        patient_id: &action.patient_id,
        happened_at: now,
        alert_id: &action.alert_id,
        kind,
        actor_id: &action.actor_id,
        actor_role: action.actor_role,
        assignee_id,
        snoozed_until,
        outcome,
        note: None,
    };
    let mut value = Vec::new();
    codec::encode(topics::name(ALERT_ACTIONS), &record, &mut value)?;
    Ok(value)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn written(choice: Choice, check: impl Fn(&AlertAction<'_>)) {
        let action = Action {
            id: "e-1/below-expected/u-1/3/resolve/refill/n-0002".into(),
            alert_id: "e-1/below-expected/u-1".into(),
            patient_id: "p-1".into(),
            source: "live".into(),
            actor_id: "n-0002".into(),
            actor_role: "care_manager",
            choice,
        };
        let value = encode(&action, 1_000_000).unwrap();
        let record: AlertAction<'_> = codec::decode("alert-actions", Some(&value), None).unwrap();
        assert_eq!((record.id, record.alert_id, record.patient_id), (&*action.id, &*action.alert_id, "p-1"));
        assert_eq!((record.source, record.happened_at, record.actor_id), (Source::Live, 1_000_000, "n-0002"));
        check(&record);
    }

    #[test]
    fn every_choice_is_written_as_its_schema_says() {
        written(Choice::Acknowledge, |record| {
            assert_eq!(
                (record.kind, record.assignee_id, record.outcome),
                (AlertActionKind::Acknowledge, None, None)
            );
        });
        written(Choice::Escalate, |record| assert_eq!(record.kind, AlertActionKind::Escalate));
        written(Choice::Assign { assignee_id: "n-0003".into() }, |record| {
            assert_eq!((record.kind, record.assignee_id), (AlertActionKind::Assign, Some("n-0003")));
        });
        written(Choice::Snooze { minutes: 60 }, |record| {
            assert_eq!((record.kind, record.snoozed_until), (AlertActionKind::Snooze, Some(4_600_000)));
        });
        written(Choice::Resolve { outcome: "refill".into() }, |record| {
            assert_eq!((record.kind, record.outcome), (AlertActionKind::Resolve, Some("refill")));
        });
    }
}
