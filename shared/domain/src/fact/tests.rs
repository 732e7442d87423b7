//! Every kind of fact keeps its names apart from the others'.

use std::collections::BTreeSet;

use super::*;

/// A fact of this kind. Its natural key consists of dates, which are valid identifiers too.
fn example(kind: FactKind) -> FactId {
    let part = || "2026-03-02".to_owned();
    let keys = [vec![part()], vec![part(), part()]];
    keys.iter().find_map(|key| FactId::from_natural_key(kind, key)).unwrap()
}

#[test]
fn kinds_have_names_and_letters_of_their_own() {
    let letters: BTreeSet<char> = FactKind::ALL.iter().map(|kind| kind.letter()).collect();
    let names: BTreeSet<&str> = FactKind::ALL.iter().map(|kind| kind.name()).collect();
    assert_eq!((letters.len(), names.len()), (FactKind::ALL.len(), FactKind::ALL.len()));
    assert!(letters.iter().all(char::is_ascii_uppercase), "{letters:?}");
}

#[test]
fn every_kind_is_read_from_what_it_is_written_as() {
    for kind in FactKind::ALL {
        let fact = example(*kind);
        assert_eq!(fact.kind(), *kind);
        assert_eq!(FactId::from_natural_key(*kind, &fact.natural_key()), Some(fact.clone()));
        assert_eq!(FactId::from_natural_key(*kind, &[]), None);
        assert_eq!(FactKind::from_letter(&kind.letter().to_string()), Some(*kind));
        let message = serde_json::to_value(&fact).unwrap();
        assert_eq!(message["type"], kind.name());
        assert_eq!(serde_json::from_value::<FactId>(message).unwrap(), fact);
        assert_eq!(fact.parent().map(|parent| parent.kind()), kind.parent());
        assert!(fact.to_string().starts_with(kind.name()), "{fact}");
    }
}

#[test]
fn an_entry_names_its_fact_and_refuses_an_unknown_kind() {
    #[derive(Debug, PartialEq, Serialize, Deserialize)]
    struct Holder(#[serde(with = "compact")] FactId);
    for kind in FactKind::ALL {
        let holder = Holder(example(*kind));
        assert_eq!(unpack::<Holder>(&pack(&holder).unwrap()).unwrap(), holder);
    }
    assert!(unpack::<Holder>(&pack(&["?", "2026-03-02"]).unwrap()).is_err());
    assert!(unpack::<Holder>(&pack(&["R"]).unwrap()).is_err());
}

#[test]
fn content_is_that_of_the_fact_it_is_stored_under() {
    let interaction = Interaction {
        id: InteractionId::new("i-1").unwrap(),
        occurred_at: Timestamp::UNIX_EPOCH,
        name: "visit".to_owned(),
        properties: std::collections::BTreeMap::new(),
    };
    let fact = Fact::Interaction(interaction);
    let packed = fact.pack().unwrap();
    assert_eq!(Fact::unpack(&fact.id(), &packed).unwrap(), fact);
    let other = FactId::Interaction { interaction: InteractionId::new("i-2").unwrap() };
    assert!(matches!(Fact::unpack(&other, &packed), Err(FactError::OtherFact { .. })));
    let receipt = FactId::Receipt { receipt: ReceiptId::new("i-1").unwrap() };
    assert!(matches!(Fact::unpack(&receipt, &packed), Err(FactError::Packed(_))));
    for kind in FactKind::ALL.iter().filter(|kind| !kind.is_stored()) {
        assert!(matches!(Fact::unpack(&example(*kind), &packed), Err(FactError::NoContent(_))));
    }
}
