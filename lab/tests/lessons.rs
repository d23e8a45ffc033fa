//! Every lesson that comes with the lab: repairs are marked as they say, goals are as they say, survivors are listed.

use std::collections::BTreeSet;

use tricine_lab::lesson::{self, Lesson, mutants};
use tricine_lab::run::Replay;
use tricine_lab::verdict::{Verdict, thousands};
use tricine_lab::{check, lang, schedule};

fn lessons() -> Vec<Lesson> {
    lesson::all().expect("all lessons can be read")
}

/// Those with a program; the others are only measured.
fn with_programs() -> Vec<Lesson> {
    let all = lessons();
    assert!(
        all.iter().filter(|l| l.program.is_empty()).all(|l| l.measure.is_some()),
        "a program, or something to measure"
    );
    all.into_iter().filter(|l| !l.program.is_empty()).collect()
}

#[test]
fn every_repair_is_marked_as_the_lesson_says() {
    let mut marked = 0;
    for l in with_programs() {
        for r in &l.repairs {
            let v = check(&l, &r.region);
            assert_eq!(v.name(), r.verdict, "lesson {}, {}:\n{v}", l.id, r.name);
            if let Verdict::Wrong(w) = &v {
                assert_eq!(w.schedule, r.schedule, "lesson {}, {}:\n{v}", l.id, r.name);
            }
            marked += 1;
        }
        assert!(l.repairs.first().is_some_and(|r| r.verdict == "right"), "lesson {} has a reference", l.id);
        let wrong = l.repairs.iter().filter(|r| r.verdict != "right").count();
        assert!(wrong >= 2, "lesson {} has wrong answers", l.id);
    }
    assert!(marked >= 75, "only {marked} repairs");
}

#[test]
fn no_lesson_is_right_before_it_is_repaired() {
    for l in with_programs() {
        let v = check(&l, &l.start());
        assert!(matches!(v, Verdict::Wrong(_) | Verdict::Unmet { .. }), "lesson {}:\n{v}", l.id);
    }
}

#[test]
fn goals_are_met_by_their_schedules_or_by_nobody() {
    for l in with_programs() {
        for g in &l.goals {
            let p = l.instance(&l.start(), g.instance).expect("the start");
            let (way, _) = g.reach(&p).expect("the goal can be read");
            assert_eq!(way.is_some(), g.possible && !g.after, "lesson {}: {}", l.id, g.condition);
            if g.possible && !g.after {
                let acts = schedule::parse(&g.schedule, p.processes.len()).expect("a schedule");
                let mut replay = Replay::new(&p);
                let met = |replay: &Replay<'_>| g.is_met(&p, replay).expect("the goal can be read");
                for act in acts {
                    assert!(
                        !met(&replay),
                        "lesson {}: {} is reached before `{}` is over",
                        l.id,
                        g.condition,
                        g.schedule
                    );
                    replay.act(act);
                }
                assert!(met(&replay), "lesson {}: `{}` does not reach {}", l.id, g.schedule, g.condition);
            }
        }
    }
}

#[test]
fn line_mutants_that_are_still_right_are_listed_with_a_reason() {
    for l in with_programs() {
        let reference = &l.repairs[0];
        let all = mutants(&reference.region);
        let right = all.iter().filter(|m| check(&l, &m.region).name() == "right").map(|m| m.name.as_str());
        let listed = l.survivors.iter().map(|s| s.mutant.as_str());
        assert_eq!(right.collect::<BTreeSet<_>>(), listed.collect(), "lesson {}", l.id);
        assert!(l.survivors.iter().all(|s| s.reason.len() > 10), "lesson {}: a reason", l.id);
    }
}

#[test]
fn numbers_of_states_in_proofs_are_what_the_search_met() {
    for l in with_programs() {
        let mut met = BTreeSet::new();
        for r in l.repairs.iter().filter(|r| r.verdict == "right") {
            if let Verdict::Right { bounds } = check(&l, &r.region) {
                met.insert(thousands(bounds.states));
            }
        }
        let words: Vec<&str> = l.proof.split_whitespace().collect();
        let said: Vec<&str> = words.windows(2).filter(|w| w[1].starts_with("states")).map(|w| w[0]).collect();
        let numbers: Vec<&&str> = said.iter().filter(|s| s.starts_with(|c: char| c.is_ascii_digit())).collect();
        assert!(!numbers.is_empty(), "lesson {} says how many states", l.id);
        for n in numbers {
            assert!(met.contains(*n), "lesson {}: {n} states, but the search met {met:?}", l.id);
        }
    }
}

#[test]
fn every_lesson_is_complete() {
    for l in lessons() {
        let measured = l.program.is_empty();
        let texts = [&l.title, &l.text, &l.see, &l.why];
        let more = [&l.run, &l.task, &l.proof];
        assert!(measured || more.iter().all(|t| t.len() > 4), "lesson {}: a text is missing", l.id);
        assert!(texts.iter().all(|t| t.len() > 4), "lesson {}: a text is missing", l.id);
        assert!(measured || l.hints.len() == 3, "lesson {}: hints", l.id);
        assert!(!l.guide.is_empty() && (measured || !l.goals.is_empty()) && !l.predict.is_empty(), "lesson {}", l.id);
        for q in &l.predict {
            assert!(q.answers.iter().any(|a| a.right) && q.answers.len() > 1, "lesson {}: {}", l.id, q.text);
            assert!(q.answers.iter().all(|a| a.why.len() > 10), "lesson {}: an answer without explanation", l.id);
        }
        assert!(l.repairs.iter().filter(|r| r.verdict != "right").all(|r| !r.region.is_empty()), "lesson {}", l.id);
    }
}

#[test]
fn the_shipped_lines_beside_the_learners_are_there() {
    let all = lessons();
    let shown: Vec<_> = all.iter().flat_map(|l| &l.shipped).collect();
    assert!(shown.len() >= 8, "{} only", shown.len());
    for s in shown {
        assert!(s.line > 0 && s.code.lines().count() <= 60, "{}: {} lines", s.file, s.code.lines().count());
        let first = s.code.lines().next().expect("a line");
        let source = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("..").join(&s.file);
        let source = std::fs::read_to_string(source).expect("the source");
        assert_eq!(source.lines().nth(s.line - 1).map(str::trim), Some(first.trim()), "{}", s.file);
    }
}

#[test]
fn in_layout_4_each_word_has_one_writer() {
    for (id, words) in [("8", 2), ("9", 4)] {
        let all = lessons();
        let l = all.iter().find(|l| l.id == id).expect("the lesson");
        let p = l.instance(&l.repairs[0].region, None).expect("the reference");
        for a in p.arrays.iter().filter(|a| !a.frame) {
            let writes = |b: &lang::Block| b.ops.iter().any(|o| matches!(o, lang::Op::Store(x, _) if x.base == a.base));
            let writers = p.processes.iter().filter(|q| writes(&q.block) || writes(&q.recovery)).count();
            assert_eq!(writers, 1, "lesson {id}: {}", a.name);
            assert!(p.processes.iter().all(|q| !writes(&q.recovery)), "lesson {id}: recovery only rings");
        }
        let plain: usize = p.arrays.iter().filter(|a| !a.frame).map(|a| a.len).sum();
        assert_eq!(plain, words, "lesson {id}");
    }
}

#[test]
fn what_is_the_lessons_cannot_be_changed() {
    let all = lessons();
    let l = all.iter().find(|l| l.id == "8").expect("lesson 8");
    let right = &l.repairs[0].region;
    let v = check(l, &l.program.replace("deaths 1", "deaths 0"));
    assert!(matches!(&v, Verdict::Unreadable { error } if error.to_string().contains("was changed")), "{v}");
    let refused = |text: &str, word: &str| {
        let v = check(l, text);
        let Verdict::Refused { refusal } = &v else { panic!("accepted: {text}\n{v}") };
        assert!(refusal.to_string().contains(word), "{refusal}");
        assert_eq!((v.exit_code(), v.name()), (1, "refused"));
    };
    for own in ["deaths 0", "expect head = 1", "always head > 0", "const x = 1"] {
        refused(&format!("{right}{own}\n"), "lesson's to say");
    }
    refused(
        &right.replace("        v = read slot[tail % 3]\n        use v\n", "        use tail\n"),
        "not read from a frame",
    );
    refused(&right.replace("        use v\n", "        v = tail\n        use v\n"), "not read from a frame");
    refused(
        &right.replace("    post filled\n    post empty\nafter", "    v = read slot[0]\n    use v\nafter"),
        "`use`",
    );
    refused(
        &right.replace("    post filled\n    post empty\nafter", "    fill slot[0] with 1\nafter"),
        "`fill` in recovery",
    );
    refused(&format!("{right}process carol:\n    post filled\n"), "carol");
    // What is another one's part.
    let first = "process consumer:\n";
    refused(&right.replace(first, &format!("{first}    fill slot[0] with 1\n")), "`fill` is not consumer's part");
    refused(
        &right.replace(first, &format!("{first}    head = 1\n")),
        "consumer stores `head`, which is the part of producer",
    );
    refused(&right.replace(first, &format!("{first}    x = swap head, 1\n")), "consumer stores `head`");
    refused(&right.replace("tail <= frames", "tail <= made"), "consumer does not know `made`: only producer does");
    refused(&format!("shared most = made\n{right}"), "`made` in a declaration");
    refused(&format!("frame film[2] = 1 2\n{right}"), "`film` begins with a frame in it");
    let l1 = &all[0];
    let v = check(l1, "process ann:\n    x = news\n    post told\nprocess bob:\n    wait told\n    seen = news\n");
    assert_eq!(
        v.to_string().trim(),
        "Not a repair of this lesson: line 6: bob does not know `news`: only ann does in this lesson. What bob needs of it has to come from shared memory."
    );
    // Recovery works in the place of its process: it stores that one's words, and a comment names what it likes.
    let recovers = right.replace("after death of consumer:\n", "after death of consumer:  # made\n    tail = tail\n");
    assert_eq!(check(l, &recovers).name(), "right");
    // The whole file, as it was given out and with the repair in it, is as good as the region alone.
    let whole = l.program.replace(&l.start(), right.trim_end());
    assert_eq!(check(l, &whole).name(), "right");
    // Lines are counted in what the learner wrote.
    let Verdict::Unreadable { error } = check(l, "sem empty = 0, filled = 0\nprocess producer:\n    wiat empty\n")
    else {
        panic!("accepted");
    };
    assert_eq!(error.line, 3);
}

#[test]
fn lessons_print_with_and_without_answers() {
    for l in lessons() {
        let (class, teacher) = (l.markdown(false), l.markdown(true));
        assert!(teacher.contains("- [x] ") && !class.contains("- [x] "), "lesson {}", l.id);
        assert!(teacher.contains(&l.why) && !class.contains(&l.why), "lesson {}", l.id);
    }
}

#[test]
fn a_file_that_is_no_lesson_says_where() {
    let good = lesson::FILES[1].1;
    for (from, to, problem) in [
        ("# 2. ", "2 ", "line 1: expected `# 8. The title`"),
        ("## Why", "## Whhy", "expected one of Text"),
        ("```lab", "```laab", "expected lab, change start or change right"),
        ("- reach `end", "- raech `end", "expected `- reach"),
        (" holds. Two processes", " hmm. Two processes", "expected `- \"claim\""),
        ("-sem lock = 1", "-sem luck = 1", "0 times, not once"),
    ] {
        let at = good.rfind(from).expect("it is there");
        let bad = format!("{}{to}{}", &good[..at], &good[at + from.len()..]);
        let e = Lesson::parse(&bad).expect_err(to).to_string();
        assert!(e.contains(problem), "{e}");
    }
}
