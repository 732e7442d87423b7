//! Who calls, and whom they reach.

use jiff::Timestamp;
use serde_json::{Value, json};
use tessera_domain::member::{IdentifierKind, MemberRef};
use tessera_lambda::auth::{AuthContext, AuthFault, Caller, Scope, authorize};
use tessera_store::{Audit, Rotation};

use crate::bench::{Bench, source};

fn scoped(scopes: &str) -> Caller {
    let context = AuthContext { program: "prg_1".to_owned(), scopes: scopes.to_owned(), ..AuthContext::default() };
    Caller::from_context(&context, Timestamp::UNIX_EPOCH).unwrap()
}

#[test]
fn a_scope_opens_its_own_doors() {
    for wanted in Scope::ALL {
        for given in Scope::ALL {
            let opens = given == wanted || given == Scope::Admin;
            assert_eq!(scoped(given.name()).has(wanted), opens, "{given:?} for {wanted:?}");
        }
    }
    let till = scoped("receipts:write no:such rewards:redeem");
    assert!(till.has(Scope::RewardsRedeem) && !till.has(Scope::MembersRead));
}

#[tokio::test]
async fn a_key_stands_for_its_program() {
    let bench = Bench::start().await;
    let admin = bench.caller(&bench.program.admin_key).await.unwrap();
    assert_eq!((&admin.program, &admin.member), (&bench.program.id, &None));
    assert!(admin.has(Scope::ReportsRead));
    assert!(admin.key.as_ref().unwrap().starts_with("key_"));
    let again = Caller::from_context(&admin.to_context(), bench.services.clock.now()).unwrap();
    assert_eq!(again, admin);
    for credential in ["tsk_nobody", "", "a.b.c", "eyJ.eyJ.x", &"x".repeat(5000)] {
        assert!(matches!(bench.caller(credential).await, Err(AuthFault::Bad(_))), "{credential}");
    }
}

#[tokio::test]
async fn a_token_of_the_shop_stands_for_a_member_for_an_hour_at_most() {
    let bench = Bench::start().await;
    let caller = bench.caller(&bench.token(&json!({}), "HS256")).await.unwrap();
    assert_eq!(caller.member.as_ref().unwrap().as_str(), "c-1");
    assert_eq!((&caller.program, caller.scopes.len()), (&bench.program.id, 0));
    assert_eq!((&caller.key, caller.verifies.as_deref()), (&None, Some(&[][..])));
    // The gateway may cache the authorizer's response for longer than the token lives.
    let context = caller.to_context();
    let after = |seconds: i64| Timestamp::from_second(bench.now() + seconds).unwrap();
    assert!(Caller::from_context(&context, after(659)).is_ok());
    assert_eq!(Caller::from_context(&context, after(660)).unwrap_err().status(), 401);

    // The shop's clock and ours may differ by a minute.
    for claims in [
        json!({ "exp": bench.now() + 3660 }),
        json!({ "exp": bench.now() - 59 }),
        json!({ "nbf": bench.now() + 60, "iat": bench.now() + 60 }),
        json!({ "nbf": null, "iat": 0 }),
    ] {
        assert!(bench.caller(&bench.token(&claims, "HS256")).await.is_ok(), "{claims}");
    }
    for claims in [
        json!({ "exp": bench.now() - 60 }),
        json!({ "exp": bench.now() + 3661 }),
        json!({ "nbf": bench.now() + 61 }),
        json!({ "iat": bench.now() + 61 }),
        json!({ "nbf": "later" }),
        json!({ "exp": i64::MIN }),
        json!({ "nbf": i64::MAX }),
        json!({ "exp": i64::MAX }),
        json!({ "exp": "soon" }),
        json!({ "exp": null }),
        json!({ "sub": null }),
        json!({ "iss": "prg_other" }),
        json!({ "iss": "" }),
    ] {
        let refused = bench.caller(&bench.token(&claims, "HS256")).await;
        assert!(matches!(refused, Err(AuthFault::Bad(_))), "{claims}");
    }
    for algorithm in ["none", "HS384", "HS512", "RS256", "hs256"] {
        assert!(matches!(bench.caller(&bench.token(&json!({}), algorithm)).await, Err(AuthFault::Bad(_))));
    }
    let forged = bench.token_signed(&json!({}), "HS256", "another secret");
    assert!(matches!(bench.caller(&forged).await, Err(AuthFault::Bad(_))));
    let unsigned = bench.token(&json!({}), "none");
    let unsigned = &unsigned[..=unsigned.rfind('.').unwrap()];
    assert!(matches!(bench.caller(unsigned).await, Err(AuthFault::Bad(_))));
}

#[tokio::test]
async fn a_token_claims_only_what_it_says_is_verified() {
    let bench = Bench::start().await;
    let claims = async |claims: Value| bench.caller(&bench.token(&claims, "HS256")).await.unwrap().claims;
    let both = json!({ "email": "Ada@x.it", "email_verified": true,
        "phone_number": "+39 333 1234567", "phone_number_verified": true });
    let found = claims(both.clone()).await;
    assert_eq!(found.email.as_ref().unwrap().as_str(), "ada@x.it");
    assert_eq!(found.phone.as_ref().unwrap().as_str(), "+393331234567");
    let caller = bench.caller(&bench.token(&both, "HS256")).await.unwrap();
    let passed_on = Caller::from_context(&caller.to_context(), bench.services.clock.now()).unwrap();
    assert_eq!(passed_on.claims, caller.claims);
    for unproven in [
        json!({ "email": "ada@x.it" }),
        json!({ "email": "ada@x.it", "email_verified": false }),
        json!({ "email": "ada@x.it", "email_verified": "true" }),
        json!({ "email": ["ada@x.it"], "email_verified": true }),
        json!({ "email": "ada", "email_verified": true }),
        json!({ "email_verified": true, "phone_number": "333", "phone_number_verified": true }),
    ] {
        assert!(claims(unproven.clone()).await.is_empty(), "{unproven}");
    }
}

#[tokio::test]
async fn the_secret_before_serves_for_a_day() {
    let bench = Bench::start().await;
    let old = bench.program.storefront_secret.clone();
    let store = &bench.services.store;
    let now = bench.services.clock.now();
    let rotation = Rotation { natural_key: "r-1", revoke_previous: false, now };
    let audit = Audit {
        actor: "anna".to_owned(),
        key: None,
        action: "storefront_secret.rotate".to_owned(),
        object: "storefront-secret".to_owned(),
        reason: None,
        at: now,
        request: "r-1".to_owned(),
        changes: Vec::new(),
    };
    let rotated = store.rotate_storefront_secret(&bench.program.id, &bench.key, rotation, &audit).await;
    let (new, _) = rotated.unwrap().unwrap();
    let signed = |secret: &str| bench.token_signed(&json!({}), "HS256", secret);
    assert!(bench.caller(&signed(&new)).await.is_ok());
    assert!(bench.caller(&signed(&old)).await.is_ok());
    bench.pass(24 * 3600 + 1);
    let signed = |secret: &str| bench.token_signed(&json!({}), "HS256", secret);
    assert!(bench.caller(&signed(&new)).await.is_ok());
    assert!(bench.caller(&signed(&old)).await.is_err());
}

#[tokio::test]
async fn the_authorizer_lets_the_function_say_why_not() {
    let bench = Bench::start().await;
    let here = source("192.0.2.1");
    let good = authorize(&bench.services, Some(&format!("bearer {}", bench.program.admin_key)), &here).await.unwrap();
    assert_eq!(good["isAuthorized"], true);
    assert_eq!(good["context"]["program"], json!(bench.program.id));
    assert_eq!((&good["context"]["scopes"], &good["context"]["problem"]), (&json!("admin"), &json!("")));
    for header in [None, Some(""), Some("Basic YTpi"), Some("Bearer tsk_nobody")] {
        let bad = authorize(&bench.services, header, &here).await.unwrap();
        assert_eq!(bad["isAuthorized"], true);
        assert_ne!(bad["context"]["problem"], "");
        assert_eq!(bad["context"]["program"], "");
        let context: AuthContext = serde_json::from_value(bad["context"].clone()).unwrap();
        assert_eq!(Caller::from_context(&context, bench.services.clock.now()).unwrap_err().status(), 401);
    }
}

#[tokio::test]
async fn a_token_reaches_its_own_member_alone() {
    let bench = Bench::start().await;
    let services = &bench.services;
    let program = services.programs.get(&bench.program.id).await.unwrap().unwrap();
    let mut inner = Vec::new();
    for (id, email) in [("c-1", "ada@example.com"), ("c-2", "bob@example.com")] {
        let reference = MemberRef {
            id: id.parse().ok(),
            email: email.parse().ok(),
            verified: Some([IdentifierKind::Email].into()),
            ..MemberRef::default()
        };
        let now = services.clock.now();
        let found = services.store.find_or_create_visitor(&program, &reference, now).await.unwrap();
        inner.push(found.member);
    }
    let token = |sub: &str| bench.token(&json!({ "sub": sub }), "HS256");
    let ada = bench.caller(&token("c-1")).await.unwrap();
    for path in ["c-1", "email:Ada@example.com", inner[0].as_str()] {
        assert_eq!(services.member_for(&program, &ada, path).await.unwrap().as_ref(), Some(&inner[0]), "{path}");
    }
    for path in ["c-2", "email:bob@example.com", inner[1].as_str(), "c-3", "email:none@example.com", "m_none"] {
        assert_eq!(services.member_for(&program, &ada, path).await.unwrap_err().status(), 403, "{path}");
    }
    let stranger = bench.caller(&token("c-9")).await.unwrap();
    assert_eq!(services.member_for(&program, &stranger, "c-9").await.unwrap(), None);
    // The shop signed it, and it names nobody: an id never looks like another kind of name.
    for name in [inner[0].as_str(), "email:ada@example.com", "card:1", "phone:+391", "c-\u{200b}1"] {
        let refused = bench.caller(&token(name)).await;
        assert!(matches!(refused, Err(AuthFault::Malformed(_))), "{name}");
        let header = format!("Bearer {}", token(name));
        let response = authorize(services, Some(&header), &source("192.0.2.1")).await.unwrap();
        let context: AuthContext = serde_json::from_value(response["context"].clone()).unwrap();
        assert_eq!(Caller::from_context(&context, services.clock.now()).unwrap_err().status(), 400, "{name}");
    }
    let admin = bench.caller(&bench.program.admin_key).await.unwrap();
    assert_eq!(services.member_for(&program, &admin, "c-2").await.unwrap().as_ref(), Some(&inner[1]));
}

#[tokio::test]
async fn a_source_of_many_bad_credentials_learns_when_to_come_back() {
    let bench = Bench::start().await;
    let (here, services) = (source("203.0.113.7"), &bench.services);
    let send = async |credential: &str| -> AuthContext {
        let response = authorize(services, Some(&format!("Bearer {credential}")), &here).await.unwrap();
        serde_json::from_value(response["context"].clone()).unwrap()
    };
    // Neither what has not the shape of a credential nor what has expired is a guess.
    for _ in 0..40 {
        for credential in
            ["nonsense", "tsk_", "tsk_a-b", "eyJ.eyJ.eyJ", &bench.token(&json!({ "exp": bench.now() - 99 }), "HS256")]
        {
            assert_eq!(send(credential).await.retry_at, "", "{credential}");
        }
    }
    for number in 0..30 {
        let guess = match number % 3 {
            0 => format!("tsk_{number:040}"),
            1 => bench.token_signed(&json!({}), "HS256", &format!("secret {number}")),
            _ => bench.token(&json!({ "iss": format!("prg_{number}") }), "HS256"),
        };
        let context = send(&guess).await;
        assert_ne!(context.problem, "");
        assert_eq!(context.retry_at, "", "{number} {guess}");
    }
    for credential in ["tsk_another", &bench.program.admin_key, &bench.token(&json!({}), "HS256")] {
        let context = send(credential).await;
        assert_eq!((&*context.program, context.retry_at.parse()), ("", Ok(bench.now() + 60)), "{credential}");
        let retry_after = |seconds: i64| {
            let problem = Caller::from_context(&context, Timestamp::from_second(bench.now() + seconds).unwrap());
            let problem = problem.unwrap_err();
            (problem.status(), problem.retry_after())
        };
        assert_eq!(
            [retry_after(0), retry_after(20), retry_after(90)],
            [(429, Some(60)), (429, Some(40)), (429, Some(1))]
        );
    }
    assert!(bench.caller(&bench.program.admin_key).await.is_ok(), "from another source");
    bench.pass(60);
    assert_eq!(send(&bench.program.admin_key).await.problem, "");
}
