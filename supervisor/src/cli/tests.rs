use super::*;

#[test]
fn times_are_read_as_other_players_read_them() {
    for (text, ns) in [
        ("90", Some(90e9)),
        ("1:30", Some(90e9)),
        ("1:02:03.5", Some(3723.5e9)),
        ("0.25", Some(0.25e9)),
        ("", None),
        ("-1", None),
        ("1:60", None),
        ("1:2:3:4", None),
        ("1.5:00", None),
        ("1e3", None),
        ("nan", None),
    ] {
        assert_eq!(parse_time(text).ok(), ns.map(|n| n as i64), "{text:?}");
    }
}

#[test]
fn what_the_readme_says_to_type_works() {
    let readme = include_str!("../../../README.md");
    let wrong = readme.lines().find(|line| line.contains("cargo install --path") || line.contains("ffmpeg -i"));
    assert_eq!(wrong, None, "without --locked it may not build, without -nostdin FFmpeg eats the keys");
    let options = readme.split("### Options").nth(1).unwrap().split("###").next().unwrap();
    let long = options.split('`').filter(|word| word.starts_with("--"));
    let options: Vec<(&str, bool)> =
        long.map(|word| (word.split([' ', '=', '[']).next().unwrap(), word.contains([' ', '=']))).collect();
    assert!(options.len() > 15, "{options:?}");
    use clap::CommandFactory;
    for (name, valued) in options {
        let command = Cli::command();
        let known = command.get_arguments().find(|arg| arg.get_long() == Some(&name[2..]));
        assert!(known.is_some() || ["--help", "--version"].contains(&name), "{name} is in README and nowhere else");
        let takes = known.is_some_and(|arg| arg.get_action().takes_values());
        assert!(takes || !valued, "README gives {name} a value, which it does not take");
    }
}

#[test]
fn the_command_line_is_sound() {
    use clap::CommandFactory;
    Cli::command().debug_assert();
    let cli = Cli::try_parse_from(["tricine", "a.mp4", "--loop", "--speed", "2"]).unwrap();
    assert_eq!((cli.play.inputs, cli.play.repeat, cli.play.speed), (vec![Name::from("a.mp4")], Some(u64::MAX), 2.0));
    for (args, ns) in [
        (&["--fps", "25"][..], 40_000_000),
        (&["--fps", "30000/1001"], 33_366_667),
        (&["--image-duration", "0.5"], 500_000_000),
        (&[], 5_000_000_000),
    ] {
        assert_eq!(Cli::try_parse_from([&["tricine"], args].concat()).unwrap().play.picture_ns(), ns);
    }
    for (how, wanted) in [(&["--deinterlace", "no"][..], false), (&["--deinterlace=auto"], true), (&[], true)] {
        let cli = Cli::try_parse_from([&["tricine"], how, &["a.mpg"]].concat()).unwrap();
        assert_eq!((cli.play.deinterlace, cli.play.inputs.len()), (wanted, 1), "{how:?}");
    }
    let cli = Cli::try_parse_from(["tricine", "play", "--loop=3", "-"]).unwrap();
    assert!(matches!(cli.command, Some(Command::Play(p)) if p.repeat == Some(3) && p.inputs == ["-".into()]));
    for (wrong, told) in [
        (&["--speed=9"][..], "use a number from 0.25 to 4"),
        (&["--display=tv"], "use auto, window, terminal, none or framemd5=PATH"),
        (&["--restart-limit=5"], "use N/SECONDS, such as 5/10"),
        (&["--volume", "101"], "use a whole number from 0 to 100"),
        (&["--length", "-5"], "use seconds, M:S or H:M:S"),
        (&["--length", "0"], "use more than 0"),
        (&["--fps", "0"], "use pictures a second"),
        (&["--image-duration", "-1"], "use seconds, more than 0"),
        (&["--image-duration", "1", "--fps", "2"], "cannot be used with"),
    ] {
        let error = Cli::try_parse_from([&["tricine"], wrong].concat()).unwrap_err();
        assert_eq!(error.exit_code(), 2);
        assert!(error.to_string().contains(told), "{error}");
    }
}
