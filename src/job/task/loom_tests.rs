//! The hand-over under every interleaving of up to three threads.

use loom::sync::Arc;

use super::Task;

/// Gives two pieces away, collects what others did, and runs what is chained.
fn lead(task: &Task<u32, u32>, mut back: u32) {
    let mut out = 0;
    for piece in 1..=2 {
        match task.dispatch(piece, out) {
            Ok(()) => out += 1,
            Err(piece) => back += piece * 10,
        }
    }
    task.announce();
    while let Some(piece) = task.take_back() {
        back += piece * 10;
        out -= 1;
    }
    while out > 0 {
        back += task.wait_collect();
        out -= 1;
    }
    task.dismiss();
    while let Some((mut with, next)) = task.next_or_finish(back) {
        next(&mut with);
        back = with;
    }
}

#[test]
fn loom_a_lead_a_helper_and_the_one_who_completes_agree_on_the_sum() {
    loom::model(|| {
        let task = Arc::new(Task::<u32, u32>::new(2));
        task.submit(0);
        let helper = {
            let task = task.clone();
            loom::thread::spawn(move || task.assist(|piece| piece * 10))
        };
        let back = task.complete(|back| lead(&task, back), |piece| piece * 10);
        assert_eq!(back, Some(30));
        helper.join().unwrap();
    });
}

#[test]
fn loom_a_hand_over_smaller_than_the_work_loses_none_of_it() {
    loom::model(|| {
        let task = Arc::new(Task::<u32, u32>::new(1));
        task.submit(0);
        let helper = {
            let task = task.clone();
            loom::thread::spawn(move || task.assist(|piece| piece * 10))
        };
        let back = task.complete(|back| lead(&task, back), |piece| piece * 10);
        assert_eq!(back, Some(30));
        helper.join().unwrap();
    });
}

#[test]
fn loom_the_pool_and_the_game_thread_begin_an_update_once() {
    loom::model(|| {
        let task = Arc::new(Task::<u32, u32>::new(2));
        task.submit(0);
        let pool = {
            let task = task.clone();
            loom::thread::spawn(move || {
                if let Some(back) = task.begin() {
                    lead(&task, back);
                }
            })
        };
        let back = task.complete(|back| lead(&task, back), |piece| piece * 10);
        assert_eq!(back, Some(30));
        pool.join().unwrap();
    });
}

#[test]
fn loom_a_job_chained_while_the_update_ends_runs_once() {
    loom::model(|| {
        let task = Arc::new(Task::<u32, u32>::new(2));
        task.submit(0);
        let pool = {
            let task = task.clone();
            loom::thread::spawn(move || {
                if let Some(back) = task.begin() {
                    task.dismiss();
                    let mut back = back;
                    while let Some((mut with, next)) = task.next_or_finish(back) {
                        next(&mut with);
                        back = with;
                    }
                }
            })
        };
        let run = |back: u32| {
            let mut back = back;
            while let Some((mut with, next)) = task.next_or_finish(back) {
                next(&mut with);
                back = with;
            }
        };
        if task.chain(Box::new(|back| *back += 5))
            && let Some(back) = task.begin()
        {
            run(back);
        }
        assert_eq!(task.complete(run, |piece| piece), Some(5));
        pool.join().unwrap();
    });
}
