//! Servers that fail: no request is lost that another one could have answered, and none is asked too often.

use super::*;

/// What a request that may be tried again comes to: how many attempts it took, and whether one succeeded.
async fn request(upstream: &Arc<Upstream>, is_well: impl Fn(&str) -> bool) -> (usize, bool) {
    upstream.begin();
    let mut tried = Vec::new();
    loop {
        let Ok(lease) = pick(upstream, &tried).await else {
            return (tried.len(), false);
        };
        tried.push(lease.key());
        if is_well(lease.name()) {
            lease.succeeded();
            return (tried.len(), true);
        }
        fail(&lease);
        drop(lease);
        if tried.len() == 2 || !upstream.may_retry() {
            return (tried.len(), false);
        }
    }
}

#[tokio::test(start_paused = true)]
async fn all_requests_of_a_killed_server_are_made_again_elsewhere() {
    for (before, in_flight) in [(0, 32), (300, 64), (300, 128), (300, 1000)] {
        let upstream = upstream(config(servers(2)));
        for _ in 0..before {
            assert_eq!(request(&upstream, |_| true).await, (1, true));
        }
        let mut leases = Vec::new();
        for _ in 0..in_flight {
            upstream.begin();
            leases.push(pick(&upstream, &[]).await.unwrap());
        }
        let killed = |lease: &Lease| lease.name() == "10.0.0.1:80";
        let (failing, well): (Vec<_>, Vec<_>) = leases.into_iter().partition(killed);
        assert!(failing.len().abs_diff(well.len()) <= 2);
        for lease in failing {
            fail(&lease);
            assert!(upstream.may_retry(), "{before} {in_flight}");
            let again = pick(&upstream, &[lease.key()]).await.unwrap();
            assert_eq!(again.name(), "10.0.0.2:80");
            again.succeeded();
        }
        assert_eq!(state(&upstream, "10.0.0.1:80"), State::Ejected);
        for _ in 0..500 {
            assert_eq!(
                request(&upstream, |name| name != "10.0.0.1:80").await,
                (1, true)
            );
        }
    }
}

#[tokio::test(start_paused = true)]
async fn no_request_is_lost_while_one_of_two_stays_dead() {
    let upstream = upstream(config(servers(2)));
    let mut attempts = 0;
    for _ in 0..60_000 {
        let (tries, has_succeeded) = request(&upstream, |name| name == "10.0.0.2:80").await;
        assert!(has_succeeded);
        attempts += tries;
        tokio::time::advance(Duration::from_millis(5)).await;
    }
    // Three to begin with, and one each time its time is over: after 5 s, 10 s, 20 s …
    assert!((60_003..60_015).contains(&attempts), "{attempts}");
}

#[tokio::test(start_paused = true)]
async fn when_all_fails_attempts_are_at_most_a_fifth_more() {
    for count in [1, 2, 5] {
        let upstream = upstream(config(servers(count)));
        let mut attempts = 0;
        for requests in 1..=10_000 {
            attempts += request(&upstream, |_| false).await.0;
            tokio::time::advance(Duration::from_millis(1)).await;
            if requests >= 100 {
                assert!(attempts * 5 <= requests * 6, "{attempts} of {requests}");
            }
        }
        assert!(count == 1 || attempts > 11_500, "{attempts}");
    }
}

#[tokio::test(start_paused = true)]
async fn when_all_fails_at_once_attempts_are_at_most_a_fifth_more() {
    let upstream = upstream(config(servers(4)));
    let (mut requests, mut attempts) = (0, 0);
    for _ in 0..100 {
        let mut leases = Vec::new();
        for _ in 0..100 {
            upstream.begin();
            leases.push(pick(&upstream, &[]).await.unwrap());
        }
        requests += leases.len();
        attempts += leases.len();
        for lease in leases {
            fail(&lease);
            if upstream.may_retry() {
                attempts += 1;
                fail(&pick(&upstream, &[lease.key()]).await.unwrap());
            }
        }
        tokio::time::advance(Duration::from_millis(100)).await;
        assert!(
            requests < 2000 || attempts * 5 <= requests * 6,
            "{attempts} of {requests}"
        );
    }
}

#[tokio::test(start_paused = true)]
async fn the_last_one_is_never_left_out() {
    let upstream = upstream(config(servers(3)));
    for _ in 0..1000 {
        request(&upstream, |_| false).await;
    }
    let states = upstream.states();
    let ejected = states.iter().filter(|state| state.state == State::Ejected);
    assert_eq!(ejected.count(), 2);
    // And it is found, as soon as it is well again.
    assert!(request(&upstream, |_| true).await.1);
}

#[tokio::test(start_paused = true)]
async fn two_that_are_started_again_one_after_the_other_lose_no_request() {
    let upstream = upstream(config(servers(2)));
    // Each is away for a second, the second one as soon as the first one is back, while that is still left out.
    for (from, away) in [
        (0, "none"),
        (1000, "10.0.0.1:80"),
        (2000, "10.0.0.2:80"),
        (3000, "none"),
    ] {
        for millisecond in from..from + 1000 {
            let (_, has_succeeded) = request(&upstream, |name| name != away).await;
            assert!(has_succeeded, "{millisecond}");
            tokio::time::advance(Duration::from_millis(1)).await;
        }
    }
}

#[tokio::test(start_paused = true)]
async fn all_requests_of_the_last_server_are_made_again_at_one_that_came_back() {
    let upstream = upstream(config(servers(2)));
    let hold = async |count: usize| {
        let mut leases = Vec::new();
        for _ in 0..count {
            upstream.begin();
            leases.push(pick(&upstream, &[]).await.unwrap());
        }
        leases
    };
    for lease in hold(400).await {
        if lease.name() == "10.0.0.1:80" {
            fail(&lease);
            assert!(upstream.may_retry());
        }
    }
    assert_eq!(state(&upstream, "10.0.0.1:80"), State::Ejected);
    // The first one is back, but nobody has asked it since: all go to the second one, which dies.
    let mut again = Vec::new();
    for lease in hold(400).await {
        assert_eq!(lease.name(), "10.0.0.2:80");
        lease.succeeded();
        again.push(lease);
    }
    let mut retried = Vec::new();
    for lease in again {
        fail(&lease);
        assert!(upstream.may_retry());
        retried.push(pick(&upstream, &[lease.key()]).await.unwrap());
    }
    retried.iter().for_each(Lease::succeeded);
    assert_eq!(state(&upstream, "10.0.0.1:80"), State::Up);
}

#[tokio::test(start_paused = true)]
async fn one_request_at_a_time_tries_a_server_that_was_left_out() {
    let upstream = upstream(config(servers(2)));
    while state(&upstream, "10.0.0.1:80") != State::Ejected {
        request(&upstream, |name| name == "10.0.0.2:80").await;
    }
    tokio::time::advance(Duration::from_secs(6)).await;
    let mut leases = Vec::new();
    for _ in 0..20 {
        leases.push(pick(&upstream, &[]).await.unwrap());
    }
    let trials = leases.iter().filter(|lease| lease.name() == "10.0.0.1:80");
    assert_eq!(trials.count(), 1);
    // It was cancelled: another one may try.
    leases.clear();
    for _ in 0..20 {
        leases.push(pick(&upstream, &[]).await.unwrap());
    }
    let trial = leases.iter().find(|lease| lease.name() == "10.0.0.1:80");
    trial.unwrap().succeeded();
    assert_eq!(state(&upstream, "10.0.0.1:80"), State::Up);
}

#[tokio::test]
async fn what_is_not_the_servers_fault_does_not_count() {
    let upstream = upstream(config(servers(2)));
    let error = io::Error::from(io::ErrorKind::Other);
    for kind in [
        FailureKind::ClientBody,
        FailureKind::Rejected,
        FailureKind::TooLarge,
        FailureKind::Unsupported,
    ] {
        let lease = pick(&upstream, &[]).await.unwrap();
        (0..10).for_each(|_| lease.failed(kind, &error));
    }
    assert!(
        upstream
            .states()
            .iter()
            .all(|state| state.state == State::Up)
    );
}

#[tokio::test]
async fn without_retries_there_are_none() {
    let upstream = upstream(UpstreamConfig {
        retries: false,
        ..config(servers(2))
    });
    (0..100).for_each(|_| upstream.begin());
    assert!(!upstream.may_retry());
}

#[tokio::test]
async fn a_lease_outlives_its_upstream() {
    let upstream = upstream(config(servers(2)));
    let lease = pick(&upstream, &[]).await.unwrap();
    drop(upstream);
    fail(&lease);
    lease.succeeded();
    assert_eq!(
        lease.target().authority,
        lease.name().strip_suffix(":80").unwrap()
    );
}
