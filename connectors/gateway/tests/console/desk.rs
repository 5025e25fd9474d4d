//! A desk in memory: fixed pages, a list of the actions that it was given.

use std::collections::BTreeMap;
use std::sync::Mutex;
use std::sync::atomic::{AtomicBool, Ordering};

use aftercare_gateway::console::{
    Action, ClinicianPage, Desk, DeskError, PatientPage, Reply, ServicePage, View,
};
use serde::Deserialize;
use serde_json::{Value, json};

/// Pages by id.
#[derive(Default, Deserialize)]
pub(crate) struct Pages {
    patients: BTreeMap<String, PatientPage>,
    clinicians: BTreeMap<String, ClinicianPage>,
    /// By month; the last is the newest.
    services: BTreeMap<String, ServicePage>,
}

#[derive(Default)]
pub(crate) struct FixedDesk {
    pages: Mutex<Pages>,
    actions: Mutex<Vec<Action>>,
    refuses: AtomicBool,
}

impl FixedDesk {
    pub(crate) fn take(&self, pages: Pages) {
        *self.pages.lock().unwrap() = pages;
    }

    pub(crate) fn refuse(&self, on: bool) {
        self.refuses.store(on, Ordering::Relaxed);
    }

    pub(crate) fn actions(&self) -> Value {
        let actions = self.actions.lock().unwrap();
        let shown = actions.iter().map(|action| {
            json!({"id": action.id, "alert_id": action.alert_id, "patient_id": action.patient_id,
                   "actor_id": action.actor_id, "actor_role": action.actor_role, "choice": action.choice})
        });
        shown.collect()
    }
}

impl Desk for FixedDesk {
    fn patient(&self, patient_id: String) -> Reply<'_, Option<PatientPage>> {
        let page = self.pages.lock().unwrap().patients.get(&patient_id).cloned();
        Box::pin(async move { Ok(page) })
    }

    fn clinician(&self, clinician_id: String) -> Reply<'_, Option<ClinicianPage>> {
        let page = self.pages.lock().unwrap().clinicians.get(&clinician_id).cloned();
        Box::pin(async move { Ok(page) })
    }

    fn service(&self, month: Option<String>, _: Option<Vec<String>>) -> Reply<'_, ServicePage> {
        let pages = self.pages.lock().unwrap();
        let newest = || pages.services.keys().next_back().cloned();
        let page = month.or_else(newest).and_then(|month| pages.services.get(&month)).cloned();
        Box::pin(async move { Ok(page.unwrap_or_default()) })
    }

    fn act(&self, action: Action) -> Reply<'_, ()> {
        let done = if self.refuses.load(Ordering::Relaxed) {
            Err(DeskError("refused by the test".into()))
        } else {
            self.actions.lock().unwrap().push(action);
            Ok(())
        };
        Box::pin(async move { done })
    }

    fn note(&self, _: View) -> Reply<'_, ()> {
        Box::pin(async { Ok(()) })
    }
}
