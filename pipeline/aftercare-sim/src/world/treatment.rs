//! The four treatments whose patients the world has: who gets them, where, and what follows. All invented.

/// A treatment.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Treatment {
    Stent,
    Ablation,
    Hip,
    Transplant,
}

/// A provider, its care team and its clinicians.
pub(super) type Site = (&'static str, &'static str, &'static [&'static str]);

/// What is the same for all patients of a treatment.
pub(super) struct Facts {
    /// How many of 1000 patients have it.
    pub(super) permille: u32,
    pub(super) procedure: &'static str,
    /// Also the id of its plan document.
    pub(super) plan: &'static str,
    pub(super) contract: Option<&'static str>,
    /// Device and manufacturer; empty where nothing stays in the body.
    pub(super) devices: &'static [(&'static str, &'static str)],
    pub(super) sites: &'static [Site],
    /// Mean and standard deviation, years.
    pub(super) age: (f64, f64),
    pub(super) male_permille: u32,
    /// ICD-10 code, and how many of 1000 have it.
    pub(super) comorbidities: &'static [(&'static str, u32)],
    /// The plan's schedule.
    pub(super) slot_days: i64,
    pub(super) slots: u32,
    /// Mean health before, 0 to 1.
    pub(super) before: f64,
    /// Mean share of what is missing to full health that is gained.
    pub(super) gain_share: f64,
    /// Days until 63 % of the gain, at least, and at most so many more.
    pub(super) pace_days: (f64, f64),
    /// Health lost by the operation itself, gone after some weeks.
    pub(super) dip: f64,
}

const CARDIOLOGY: [Site; 3] = [
    ("hospital-1", "team-1", &["doctor-11", "doctor-12", "doctor-13"]),
    ("hospital-2", "team-2", &["doctor-21", "doctor-22", "doctor-23"]),
    ("hospital-3", "team-3", &["doctor-31", "doctor-32", "doctor-33"]),
];
const ORTHOPAEDICS: [Site; 2] = [
    ("hospital-2", "team-4", &["doctor-41", "doctor-42"]),
    ("hospital-4", "team-5", &["doctor-51", "doctor-52", "doctor-53"]),
];
const NEPHROLOGY: [Site; 1] = [("hospital-1", "team-6", &["doctor-61", "doctor-62"])];

const STENT: Facts = Facts {
    permille: 450,
    procedure: "pci-des",
    plan: "coronary-stent",
    contract: Some("warranty-example"),
    devices: &[
        ("stent-a1", "maker-a"),
        ("stent-a2", "maker-a"),
        ("stent-b1", "maker-b"),
        ("balloon-c1", "maker-c"),
    ],
    sites: &CARDIOLOGY,
    age: (65.0, 10.0),
    male_permille: 720,
    comorbidities: &[("I10", 550), ("E11.9", 300), ("E78.5", 400), ("N18.3", 90), ("J44.9", 80)],
    slot_days: 14,
    slots: 26,
    before: 0.52,
    gain_share: 0.62,
    pace_days: (20.0, 40.0),
    dip: 0.0,
};
const ABLATION: Facts = Facts {
    permille: 200,
    procedure: "af-ablation",
    plan: "af-ablation",
    contract: None,
    devices: &[("catheter-a9", "maker-a"), ("catheter-d1", "maker-d")],
    sites: &CARDIOLOGY,
    age: (62.0, 10.0),
    male_permille: 640,
    comorbidities: &[("I10", 500), ("E11.9", 180), ("I50.9", 150), ("G47.3", 200)],
    slot_days: 28,
    slots: 13,
    before: 0.53,
    gain_share: 0.6,
    pace_days: (30.0, 40.0),
    dip: 0.05,
};
const HIP: Facts = Facts {
    permille: 200,
    procedure: "hip-replacement",
    plan: "hip-replacement",
    contract: None,
    devices: &[("hip-e1", "maker-e"), ("hip-e2", "maker-e"), ("hip-f1", "maker-f")],
    sites: &ORTHOPAEDICS,
    age: (68.0, 9.0),
    male_permille: 410,
    comorbidities: &[("I10", 450), ("E11.9", 150), ("M06.9", 60), ("J44.9", 70)],
    slot_days: 28,
    slots: 13,
    before: 0.42,
    gain_share: 0.72,
    pace_days: (30.0, 40.0),
    dip: 0.12,
};
const TRANSPLANT: Facts = Facts {
    permille: 150,
    procedure: "kidney-transplant",
    plan: "kidney-transplant",
    contract: None,
    devices: &[],
    sites: &NEPHROLOGY,
    age: (49.0, 12.0),
    male_permille: 620,
    comorbidities: &[("I10", 700), ("E11.9", 280), ("C92.1", 40), ("F32.9", 90)],
    slot_days: 14,
    slots: 26,
    before: 0.52,
    gain_share: 0.6,
    pace_days: (25.0, 35.0),
    dip: 0.06,
};

impl Treatment {
    const ALL: [Self; 4] = [Self::Stent, Self::Ablation, Self::Hip, Self::Transplant];

    /// The treatment of a patient who drew `draw` of 1000.
    pub(super) fn of(draw: u32) -> Self {
        let mut below = 0;
        let drawn = Self::ALL.into_iter().find(|treatment| {
            below += treatment.facts().permille;
            draw < below
        });
        drawn.unwrap_or(Self::Stent)
    }

    pub(super) fn facts(self) -> &'static Facts {
        match self {
            Self::Stent => &STENT,
            Self::Ablation => &ABLATION,
            Self::Hip => &HIP,
            Self::Transplant => &TRANSPLANT,
        }
    }
}

#[cfg(test)]
mod tests {
    use aftercare_core::documents::Library;

    use super::Treatment;

    #[test]
    fn schedules_are_those_of_the_plans_and_shares_add_up() {
        let library = Library::builtin();
        for treatment in Treatment::ALL {
            let facts = treatment.facts();
            let schedule = library.plan(facts.plan).expect("the plan is shipped").schedule;
            let stated = (i64::from(schedule.every_days), i64::from(schedule.slots));
            assert_eq!(stated, (facts.slot_days, i64::from(facts.slots)), "{}", facts.plan);
        }
        assert_eq!(Treatment::ALL.map(|t| t.facts().permille).iter().sum::<u32>(), 1000);
    }
}
