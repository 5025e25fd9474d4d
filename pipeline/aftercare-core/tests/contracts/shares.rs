//! An amount that several share says with each part which part of what it is.

use crate::world::World;

/// Public 70, commercial 10, charity 20 %.
const RARE: &str = r#"
id = "rare-example"
version = 1
title = "An infusion that three pay for"
kind = "shared"
currency = "CNY"
time_zone = "Asia/Shanghai"
in_force_from = "2020-01-01"
assumptions = ["An example."]
subject = "episode"

[money]
price = "100.01"

[[rule]]
id = "infusion"
at = "start"
say = ["Infusion on {start}."]

  [[rule.line]]
  component = "price"
  amount = "price"
  payee = "'org-east'"
  payee_role = "provider"

    [[rule.line.payers]]
    role = "public_insurance"
    payer = "'nhsa'"
    share = "70"

    [[rule.line.payers]]
    role = "commercial_insurance"
    payer = "'insurer-a'"
    share = "10"

    [[rule.line.payers]]
    role = "charity"
    payer = "'charity-a'"
    share = "20"

[clauses]
infusion = "An infusion costs 100.01."
"#;

/// Payer, minor units, what it is a share of.
type Part<'e> = (&'e str, i64, Vec<(&'e str, &'e str)>);

#[test]
fn a_part_says_its_share_and_of_what() {
    let mut world = World::new("rare-example");
    world.add(RARE);
    world.tell(&crate::told::enrolment("rare-example", "2026-01-05"), "2026-01-05");
    let mut parts: Vec<Part<'_>> = Vec::new();
    for entry in &world.entries {
        let evidence = entry.evidence.iter().map(|one| (&*one.name, &*one.value));
        let numbers = evidence.filter(|(name, _)| *name != "clause").collect();
        parts.push((entry.payer.as_deref().unwrap(), entry.amount.0, numbers));
        assert_eq!(entry.said, ["Infusion on 2026-01-05."]);
        assert_eq!(entry.payee_role.as_deref(), Some("provider"));
    }
    parts.sort();
    let of = |share| vec![("component", "100.01"), ("share", share), ("share_of", "100")];
    // 70.007, 10.001 and 20.002: the cent that is left over is the largest remainder's
    assert_eq!(
        parts,
        [("charity-a", 2_000, of("20")), ("insurer-a", 1_000, of("10")), ("nhsa", 7_001, of("70")),]
    );
}
