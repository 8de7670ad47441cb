//! Requests that wait for room.

use super::*;

fn limited(count: u8, most: usize) -> Vec<ServerConfig> {
    let mut servers = servers(count);
    for server in &mut servers {
        server.max_connections = most;
    }
    servers
}

/// Lets the others run.
async fn settle() {
    for _ in 0..50 {
        tokio::task::yield_now().await;
    }
}

fn wait(upstream: &Arc<Upstream>) -> tokio::task::JoinHandle<Result<Lease, Unavailable>> {
    let upstream = Arc::clone(upstream);
    tokio::spawn(async move { pick(&upstream, &[]).await })
}

#[tokio::test(start_paused = true)]
async fn a_place_goes_on_to_the_one_who_waits_longest() {
    let upstream = upstream(config(limited(1, 2)));
    let first = pick(&upstream, &[]).await.unwrap();
    let second = pick(&upstream, &[]).await.unwrap();
    let third = wait(&upstream);
    settle().await;
    let fourth = wait(&upstream);
    settle().await;
    assert!(!third.is_finished());
    drop(first);
    settle().await;
    assert!(third.is_finished() && !fourth.is_finished());
    let third = third.await.unwrap().unwrap();
    assert_eq!(upstream.states()[0].in_flight, 2);
    drop((second, third));
    drop(fourth.await.unwrap().unwrap());
    assert_eq!(upstream.states()[0].in_flight, 0);
    assert_eq!(upstream.waiting(), 0);
}

#[tokio::test(start_paused = true)]
async fn waiting_ends_at_the_deadline_and_the_queue_when_it_is_full() {
    let mut config = config(limited(1, 1));
    config.queue.size = 2;
    let upstream = upstream(config);
    let lease = pick(&upstream, &[]).await.unwrap();
    let waiting = [wait(&upstream), wait(&upstream)];
    settle().await;
    assert_eq!(upstream.waiting(), 2);
    let refused = pick(&upstream, &[]).await.unwrap_err();
    assert_eq!(refused, Unavailable::QueueFull);
    assert!(refused.retry_after() > 0);
    for waiting in waiting {
        let end = waiting.await.unwrap().unwrap_err();
        assert_eq!(end, Unavailable::QueueTimeout);
    }
    assert_eq!(upstream.waiting(), 0);
    drop(lease);
    assert!(pick(&upstream, &[]).await.is_ok());
}

#[tokio::test(start_paused = true)]
async fn who_goes_away_leaves_the_queue() {
    let upstream = upstream(config(limited(1, 1)));
    let lease = pick(&upstream, &[]).await.unwrap();
    let gone = wait(&upstream);
    let next = wait(&upstream);
    settle().await;
    gone.abort();
    settle().await;
    assert_eq!(upstream.waiting(), 1);
    drop(lease);
    settle().await;
    assert!(next.await.unwrap().is_ok());
    assert_eq!(upstream.states()[0].in_flight, 0);
}

#[tokio::test(start_paused = true)]
async fn a_place_that_was_handed_to_one_who_goes_away_is_not_lost() {
    let upstream = upstream(config(limited(1, 1)));
    let lease = pick(&upstream, &[]).await.unwrap();
    let (gone, next) = (wait(&upstream), wait(&upstream));
    settle().await;
    // The place is in its hands, but it never runs again.
    drop(lease);
    gone.abort();
    let next = next.await.unwrap().unwrap();
    assert_eq!(upstream.states()[0].in_flight, 1);
    drop(next);
    assert_eq!(upstream.states()[0].in_flight, 0);
}

#[tokio::test(start_paused = true)]
async fn full_servers_do_not_lead_to_backups() {
    let mut servers = limited(2, 1);
    servers[1].is_backup = true;
    let upstream = upstream(config(servers));
    let lease = pick(&upstream, &[]).await.unwrap();
    assert_eq!(lease.name(), "10.0.0.1:80");
    let waiting = wait(&upstream);
    settle().await;
    // Left out, it is none that one waits for any more.
    (0..3).for_each(|_| fail(&lease));
    settle().await;
    let other = waiting.await.unwrap().unwrap();
    assert_eq!(other.name(), "10.0.0.2:80");
}

#[test]
fn many_workers_lose_neither_places_nor_turns() {
    let mut config = config(limited(3, 2));
    config.queue.size = 10_000;
    config.queue.timeout = Duration::from_secs(60);
    let upstream = upstream(config);
    let worker = || {
        let upstream = Arc::clone(&upstream);
        move || {
            let runtime = tokio::runtime::Builder::new_current_thread()
                .enable_all()
                .build()
                .unwrap();
            runtime.block_on(async {
                let request = |number: u32| {
                    let upstream = Arc::clone(&upstream);
                    tokio::spawn(async move {
                        for round in 0..50 {
                            let most = Duration::from_micros(u64::from(number % 7) * 50);
                            if round % 5 == 1 && number % 3 == 1 {
                                // One who may go away while waiting.
                                let _ = tokio::time::timeout(most, pick(&upstream, &[])).await;
                                continue;
                            }
                            let lease = pick(&upstream, &[]).await.unwrap();
                            tokio::task::yield_now().await;
                            lease.succeeded();
                        }
                    })
                };
                let requests: Vec<_> = (0..40).map(request).collect();
                for request in requests {
                    request.await.unwrap();
                }
            });
        }
    };
    let workers: Vec<_> = (0..4).map(|_| std::thread::spawn(worker())).collect();
    for worker in workers {
        worker.join().unwrap();
    }
    assert_eq!(upstream.waiting(), 0);
    assert!(upstream.states().iter().all(|state| state.in_flight == 0));
}
