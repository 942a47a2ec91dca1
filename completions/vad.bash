# Made by `python -m vadcli.cli.completions completions`; do not edit.
_vad_words() { mapfile -t COMPREPLY < <(compgen -W "$1" -- "$current"); }
_vad_paths() { compopt -o filenames; mapfile -t COMPREPLY < <(compgen -f -- "$current"); }
_vad_folders() { compopt -o filenames; mapfile -t COMPREPLY < <(compgen -d -- "$current"); }
_vad_keys() {
  # a word that ends in = is not over; bash splits words at =, so what stands behind it is not completed
  _vad_words "$1"; compopt -o nospace
}
_vad() {
  local current=${COMP_WORDS[COMP_CWORD]} previous=${COMP_WORDS[COMP_CWORD-1]}
  COMPREPLY=()
  if ((COMP_CWORD == 1)); then
    _vad_words "prepare pretrain metatrain adapt score eval export zones demo bench info --help --version"
    return
  fi
  case ${COMP_WORDS[1]} in
    prepare)
      case "$previous" in
        --out|-o) _vad_paths; return ;;
        --layout) _vad_words "videos frames demo frames-benchmark ucsd avenue shanghaitech ucf-crime umn"; return ;;
        --size) :; return ;;
        --channels) _vad_words "1 3"; return ;;
        --fps) :; return ;;
        --mask-top) :; return ;;
        --split) _vad_words "train test"; return ;;
        --labels) _vad_paths; return ;;
        --codec) _vad_words "raw jpeg"; return ;;
        --workers) :; return ;;
        --preset) _vad_words "avenue edge paper ped1 ped2 shanghaitech smoke ucf-crime"; [[ ${#COMPREPLY[@]} -gt 0 ]] || _vad_paths; return ;;
        --set) _vad_keys "prepare.fps= prepare.mask_top= prepare.size= prepare.channels= prepare.codec= prepare.quality= prepare.workers="; return ;;
      esac
      if [[ $current == -* ]]; then _vad_words "--out -o --layout --size --channels --fps --mask-top --split --labels --codec --workers --preset --set --quiet -q --help -h"; return; fi
      _vad_paths ;;
    pretrain)
      case "$previous" in
        --out|-o) _vad_paths; return ;;
        --preset) _vad_words "avenue edge paper ped1 ped2 shanghaitech smoke ucf-crime"; [[ ${#COMPREPLY[@]} -gt 0 ]] || _vad_paths; return ;;
        --set) _vad_keys "pretrain.learning_rate= pretrain.feature_weight= pretrain.diversity_weight= pretrain.diversity_margin= pretrain.gradient_clip= pretrain.validation_share= pretrain.seed= pretrain.device= pretrain.precision= pretrain.checkpoint_seconds= pretrain.log_every= pretrain.objective= pretrain.schedule= pretrain.epochs= pretrain.max_steps= pretrain.batch_size= pretrain.stride= pretrain.flip= model.size= model.channels= model.input_frames= model.width= model.unit= model.unit_level= model.num_prototypes= model.variant= model.padding="; return ;;
        --objective) _vad_words "full frame"; return ;;
        --epochs) :; return ;;
        --max-steps) :; return ;;
        --batch-size) :; return ;;
        --learning-rate) :; return ;;
        --seed) :; return ;;
        --device) _vad_words "auto cpu cuda"; return ;;
        --precision) _vad_words "auto float32 bfloat16"; return ;;
      esac
      if [[ $current == -* ]]; then _vad_words "--out -o --preset --set --objective --epochs --max-steps --batch-size --learning-rate --seed --device --precision --resume --quiet -q --help -h"; return; fi
      _vad_paths ;;
    metatrain)
      case "$previous" in
        --from) _vad_paths; return ;;
        --out|-o) _vad_paths; return ;;
        --preset) _vad_words "avenue edge paper ped1 ped2 shanghaitech smoke ucf-crime"; [[ ${#COMPREPLY[@]} -gt 0 ]] || _vad_paths; return ;;
        --set) _vad_keys "metatrain.learning_rate= metatrain.feature_weight= metatrain.diversity_weight= metatrain.diversity_margin= metatrain.gradient_clip= metatrain.validation_share= metatrain.seed= metatrain.device= metatrain.precision= metatrain.checkpoint_seconds= metatrain.log_every= metatrain.step_size_rate= metatrain.initial_step_size= metatrain.episodes= metatrain.meta_batch= metatrain.shots= metatrain.queries= metatrain.inner_steps= metatrain.second_order= metatrain.scope="; return ;;
        --episodes) :; return ;;
        --shots) :; return ;;
        --queries) :; return ;;
        --scope) _vad_words "head decoder network"; return ;;
        --learning-rate) :; return ;;
        --seed) :; return ;;
        --device) _vad_words "auto cpu cuda"; return ;;
        --precision) _vad_words "auto float32 bfloat16"; return ;;
      esac
      if [[ $current == -* ]]; then _vad_words "--from --out -o --preset --set --episodes --shots --queries --scope --second-order --first-order --learning-rate --seed --device --precision --resume --quiet -q --help -h"; return; fi
      _vad_paths ;;
    adapt)
      case "$previous" in
        --shots|-k) :; return ;;
        --from) _vad_paths; return ;;
        --out|-o) _vad_paths; return ;;
        --steps) :; return ;;
        --scene) :; return ;;
        --normal-seconds) :; return ;;
        --fps) :; return ;;
        --mask-top) :; return ;;
        --preset) _vad_words "avenue edge paper ped1 ped2 shanghaitech smoke ucf-crime"; [[ ${#COMPREPLY[@]} -gt 0 ]] || _vad_paths; return ;;
        --set) _vad_keys "adapt.shots= adapt.steps= adapt.normal_seconds= adapt.device= adapt.precision= score.batch_size= score.device= score.precision= score.pool= score.smooth_seconds= score.scene_share= score.feature_share= score.peak_share= score.false_alarms_per_hour= score.threshold= score.warmup= score.release= score.min_event_seconds= score.merge_gap_seconds= source.fps= source.mask_top= source.ignore= source.only="; return ;;
        --device) _vad_words "auto cpu cuda"; return ;;
        --precision) _vad_words "auto float32 bfloat16"; return ;;
      esac
      if [[ $current == -* ]]; then _vad_words "--shots -k --from --out -o --steps --scene --normal-seconds --fps --mask-top --preset --set --device --precision --quiet -q --help -h"; return; fi
      : ;;
    score)
      case "$previous" in
        --model|-m) _vad_paths; return ;;
        --adapter|-a) _vad_paths; return ;;
        --shots) :; return ;;
        --format|-f) _vad_words "ndjson csv json table srt vtt"; return ;;
        --records|-r) _vad_words "frames events"; return ;;
        --out|-o) _vad_paths; return ;;
        --threshold) :; return ;;
        --false-alarms-per-hour) :; return ;;
        --warmup) :; return ;;
        --fps) :; return ;;
        --mask-top) :; return ;;
        --heatmaps) _vad_folders; return ;;
        --annotated) _vad_paths; return ;;
        --report) _vad_paths; return ;;
        --batch-size) :; return ;;
        --device) _vad_words "auto cpu cuda"; return ;;
        --precision) _vad_words "auto float32 bfloat16"; return ;;
        --preset) _vad_words "avenue edge paper ped1 ped2 shanghaitech smoke ucf-crime"; [[ ${#COMPREPLY[@]} -gt 0 ]] || _vad_paths; return ;;
        --set) _vad_keys "score.batch_size= score.device= score.precision= score.pool= score.smooth_seconds= score.scene_share= score.feature_share= score.peak_share= score.false_alarms_per_hour= score.threshold= score.warmup= score.release= score.min_event_seconds= score.merge_gap_seconds= adapt.shots= adapt.steps= adapt.normal_seconds= adapt.device= adapt.precision= source.fps= source.mask_top= source.ignore= source.only="; return ;;
      esac
      if [[ $current == -* ]]; then _vad_words "--model -m --adapter -a --shots --format -f --records -r --open --out -o --threshold --false-alarms-per-hour --warmup --fps --mask-top --fail-on-anomaly --heatmaps --annotated --report --batch-size --device --precision --preset --set --quiet -q --help -h"; return; fi
      _vad_paths ;;
    eval)
      case "$previous" in
        --model|-m) _vad_paths; return ;;
        --shots|-k) :; return ;;
        --support) :; return ;;
        --protocol) :; return ;;
        --score) :; return ;;
        --compare) :; return ;;
        --baseline) _vad_paths; return ;;
        --scores) :; return ;;
        --labels) _vad_paths; return ;;
        --labels-variant) :; return ;;
        --drop-head) :; return ;;
        --drop-tail) :; return ;;
        --higher-is) :; return ;;
        --fps) :; return ;;
        --plot) _vad_paths; return ;;
        --report) _vad_paths; return ;;
        --against) _vad_paths; return ;;
        --fail-below) :; return ;;
        --table) :; return ;;
        --results) _vad_paths; return ;;
        --draws) :; return ;;
        --seed) :; return ;;
        --batch-size) :; return ;;
        --device) :; return ;;
        --precision) :; return ;;
        --preset) _vad_words "avenue edge paper ped1 ped2 shanghaitech smoke ucf-crime"; [[ ${#COMPREPLY[@]} -gt 0 ]] || _vad_paths; return ;;
        --set) _vad_keys "eval.bootstrap= eval.draws= eval.spread_support= eval.scene_from= eval.seed= eval.recalls= eval.tolerance_seconds= eval.merge_gap_seconds= eval.linger_seconds= eval.calibration_windows= adapt.shots= adapt.steps= adapt.normal_seconds= adapt.device= adapt.precision= score.batch_size= score.device= score.precision= score.pool= score.smooth_seconds= score.scene_share= score.feature_share= score.peak_share= score.false_alarms_per_hour= score.threshold= score.warmup= score.release= score.min_event_seconds= score.merge_gap_seconds="; return ;;
      esac
      if [[ $current == -* ]]; then _vad_words "--model -m --shots -k --support --protocol --score --compare --baseline --localise --scores --labels --labels-variant --drop-head --drop-tail --higher-is --fps --json --markdown --latex --plot --report --against --fail-below --table --results --draws --seed --batch-size --device --precision --preset --set --quiet -q --help -h"; return; fi
      _vad_paths ;;
    export)
      case "$previous" in
        --out|-o) _vad_paths; return ;;
        --adapter) _vad_paths; return ;;
        --format) _vad_words "onnx"; return ;;
      esac
      if [[ $current == -* ]]; then _vad_words "--out -o --adapter --format --quiet -q --help -h"; return; fi
      _vad_paths ;;
    zones)
      case "$previous" in
        --out|-o) _vad_paths; return ;;
        --ignore) :; return ;;
        --only) :; return ;;
        --mask-top) :; return ;;
        --preset) _vad_words "avenue edge paper ped1 ped2 shanghaitech smoke ucf-crime"; [[ ${#COMPREPLY[@]} -gt 0 ]] || _vad_paths; return ;;
        --set) _vad_keys "source.fps= source.mask_top= source.ignore= source.only="; return ;;
      esac
      if [[ $current == -* ]]; then _vad_words "--out -o --ignore --only --mask-top --preset --set --quiet -q --help -h"; return; fi
      _vad_paths ;;
    demo)
      case "$previous" in
        --scenes) :; return ;;
        --seconds) :; return ;;
        --seed) :; return ;;
        --size) :; return ;;
        --fps) :; return ;;
        --workers) :; return ;;
      esac
      if [[ $current == -* ]]; then _vad_words "--scenes --seconds --seed --size --fps --workers --quiet -q --help -h"; return; fi
      _vad_folders ;;
    bench)
      case "$previous" in
        --size) :; return ;;
        --width) :; return ;;
        --preset) _vad_words "avenue edge paper ped1 ped2 shanghaitech smoke ucf-crime"; [[ ${#COMPREPLY[@]} -gt 0 ]] || _vad_paths; return ;;
        --set) _vad_keys "model.size= model.channels= model.input_frames= model.width= model.unit= model.unit_level= model.num_prototypes= model.variant= model.padding="; return ;;
        --device) :; return ;;
        --batches) :; return ;;
        --shots) :; return ;;
        --seconds) :; return ;;
      esac
      if [[ $current == -* ]]; then _vad_words "--size --width --preset --set --device --batches --shots --units --seconds --json --quiet -q --help -h"; return; fi
      _vad_paths ;;
    info)
      case "$previous" in
      esac
      if [[ $current == -* ]]; then _vad_words "--json --help -h"; return; fi
      _vad_paths ;;
  esac
}
complete -F _vad vad
