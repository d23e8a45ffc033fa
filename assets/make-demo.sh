#!/bin/sh
# Makes demo.mp4 beside this script from nothing: our own program draws the frames and plays the sound, ffmpeg encodes them.
# The same ffmpeg gives the same file: one encoder thread, and no date or version in it.
set -eu
cd "$(dirname "$0")"
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
trap 'exit 1' INT TERM HUP

cargo build --quiet --release -p tricine-assets
program=${CARGO_TARGET_DIR:-../target}/release/tricine-assets
"$program" sound >"$work/sound.wav"
# A keyframe each second: seeks and a restarted decoder have at most 29 frames to catch up.
"$program" video | ffmpeg -v error -nostdin -y -i - -i "$work/sound.wav" -map 0:v -map 1:a \
    -c:v libx264 -profile:v high -preset "${PRESET:-veryslow}" -tune animation -crf "${CRF:-32}" -threads 1 -pix_fmt yuv420p \
    -g 30 -keyint_min 30 -sc_threshold 0 -bf 3 -refs 4 -level 3.1 -x264-params open-gop=0 \
    -color_range tv -colorspace bt709 -color_primaries bt709 -color_trc bt709 -chroma_sample_location left \
    -c:a aac -b:a 96k -fflags +bitexact -flags:v +bitexact -flags:a +bitexact -map_metadata -1 -movflags +faststart \
    "$work/demo.mp4"
mv "$work/demo.mp4" demo.mp4
