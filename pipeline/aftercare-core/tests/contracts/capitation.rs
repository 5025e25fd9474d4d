//! Capitation: 1,200 for each patient and year by enrolled days, pooled over a provider.

use crate::world::*;

const CAPITATION: &str = "capitation-example";
const POOL: &str = "pool:capitation-example/org-east/2024";

/// Enrolled on the day with org-east; what it costs.
fn enrolled(world: &mut World, number: usize, from: &str, costs: &[(&str, &str)]) {
    let (person, episode) = (format!("p-{number}"), format!("e-{number}"));
    let said = statement("enr", from).episode(&episode).says(|said| {
        (said.contract, said.organisation) = (Some(CAPITATION), Some("org-east"));
    });
    world.of(&person).hear(&said, from);
    for (id, (on, amount)) in costs.iter().enumerate() {
        world.hear(&event(&format!("cost-{id}"), on, "cost").amount(amount), on);
    }
}

fn settled(costs: &[(&str, &str)], decision: Option<&str>) -> World {
    let mut world = World::new(CAPITATION);
    enrolled(&mut world, 1, "2024-01-01", costs);
    if let Some(decision) = decision {
        let said = trade("dec", "2025-02-01", "overspend_decision").decision(decision).contract(CAPITATION);
        world.of(POOL).hear(&said, "2025-02-01");
    }
    world.tick("2025-03-31");
    world.settle("2025-03-31");
    assert_eq!(world.lines(), owed(&[]), "90 days after 1 January 2025 is 1 April");
    world.tick("2025-04-01");
    world
}

#[test]
fn a_surplus_is_shared() {
    // 366 of 366 days of 2024: 1,200 - 899.99 = 300.01: 30 % is 90.003, 90.00; the rest 210.01
    let world = settled(&[("2024-05-05", "899.99")], None);
    assert_eq!(
        world.lines(),
        owed(&[
            ("surplus_payer", "org-east/2024", "payer-example", "210.01"),
            ("surplus_provider", "org-east/2024", "org-east", "90.00"),
        ])
    );
    let line = world.entry("org-east/2024/settlement/surplus_provider");
    assert_eq!((line.service_period.to_string().as_str(), line.episode_id.as_deref()), ("2025-04", None));
}

#[test]
fn an_overspend_is_the_provider_s_unless_it_is_justified() {
    let spent = [("2024-05-05", "1500.00")];
    // 300: justified 210 and 90, else 300
    assert_eq!(
        settled(&spent, Some("justified")).lines(),
        owed(&[
            ("overspend_payer", "payer-example", "org-east/2024", "210.00"),
            ("overspend_provider", "org-east", "org-east/2024", "90.00"),
        ])
    );
    for decision in [None, Some("refused")] {
        let world = settled(&spent, decision);
        assert_eq!(world.lines(), owed(&[("overspend_provider", "org-east", "org-east/2024", "300.00")]));
    }
}

#[test]
fn the_budget_goes_by_enrolled_days() {
    let mut world = World::new(CAPITATION);
    enrolled(&mut world, 1, "2024-03-01", &[("2024-02-28", "77.00"), ("2024-03-01", "10.00")]);
    enrolled(&mut world, 2, "2023-06-01", &[("2024-04-30", "5.00"), ("2024-05-01", "99.00")]);
    let left =
        statement("left", "2024-05-01").episode("e-2").says(|said| said.episode_status = Some("ended"));
    world.hear(&left, "2024-05-01");
    world.tick("2025-03-31");
    // [1 March, 1 January): 306 days; [1 January, 1 May): 121 days; costs while enrolled 10 + 5
    let measures = &world.measures()["org-east/2024"];
    assert_eq!((measures["days"], measures["costs"]), (427, 1_500));
    assert_eq!(world.measures()["org-east/2023"]["days"], 214);
    world.settle("2025-04-01");
    // 427 x 1,200 / 366 = 1,400.00 exactly 1,400; 2023: 214 x 1,200 / 365 = 703.561.., 703.56
    let year = |year: &str| world.sum(|entry| entry.payer.as_deref() == Some(&format!("org-east/{year}")));
    assert_eq!([year("2024"), year("2023")], ["1385.00", "703.56"]);
}

#[test]
fn what_is_stored_on_the_settlement_day_never_counts() {
    let costs = |stored: &str| {
        let mut world = World::new(CAPITATION);
        enrolled(&mut world, 1, "2024-01-01", &[]);
        world.hear(&event("late", "2024-05-05", "cost").amount("100.00"), stored);
        world.tick("2025-04-02");
        world.measures()["org-east/2024"].get("costs").copied()
    };
    assert_eq!((costs("2025-03-31"), costs("2025-04-01")), (Some(10_000), None));
    // nor does a correction of what was stored before
    let mut world = World::new(CAPITATION);
    enrolled(&mut world, 1, "2024-01-01", &[("2024-05-05", "100.00")]);
    world.hear(&event("cost-0", "2024-05-05", "cost").amount("900.00").revision(2), "2025-04-01");
    world.tick("2025-04-02");
    assert_eq!(world.measures()["org-east/2024"]["costs"], 10_000);
}

#[test]
fn who_is_in_control_all_year_has_five_points() {
    let noticed = |last: Option<f64>, from: &str| {
        let mut world = World::new(CAPITATION);
        enrolled(&mut world, 1, from, &[]);
        for month in 1..=12 {
            let month = format!("2024-{month:02}");
            let systolic = if month == "2024-12" { last } else { Some(139.9) };
            let Some(systolic) = systolic else { continue };
            world
                .hear(&month_event(&month, "month-mean/systolic_pressure", systolic, "mm[Hg]"), "2025-01-01");
            world.hear(&month_event(&month, "month-mean/diastolic_pressure", 89.9, "mm[Hg]"), "2025-01-01");
        }
        world.tick("2025-01-01");
        world.notices()
    };
    assert_eq!(noticed(Some(139.9), "2024-01-01"), [("control-2024".to_owned(), "control_bonus".to_owned())]);
    // a mean of exactly 140, a month without readings, not enrolled all year
    assert!(noticed(Some(140.0), "2024-01-01").is_empty());
    assert!(noticed(None, "2024-01-01").is_empty());
    assert!(noticed(Some(139.9), "2024-01-02").is_empty());
}
