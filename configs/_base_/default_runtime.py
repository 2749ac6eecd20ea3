"""What a run does unless its config says otherwise; every key of Pointcept's runtime, with its default."""

weight = None  # checkpoint to start from
resume = False  # go on with the run in save_path
evaluate = True  # evaluate on data.val after each epoch
test_only = False  # only test

seed = None  # None: drawn once, written to the run's config
save_path = "exp/default"
num_worker = 16  # loading processes, over all devices
batch_size = 16  # scenes a step, over all devices
gradient_accumulation_steps = 1
batch_size_val = None  # None: one scene a device
batch_size_test = None
epoch = 100  # passes over the training scenes
eval_epoch = 100  # evaluations and checkpoints; data.train is looped epoch // eval_epoch times
clip_grad = None  # largest gradient norm

sync_bn = False  # batch norm over all devices
enable_amp = False  # mixed precision
amp_dtype = "float16"  # on a CPU: "bfloat16"
empty_cache = False
empty_cache_per_epoch = False
find_unused_parameters = False

enable_wandb = False  # Pointcept's engine only
wandb_project = "ffnet3d"
wandb_key = None

mix_prob = 0  # Mix3D: probability of joining the scenes of a batch in pairs
param_dicts = None  # parameter groups: [dict(keyword="block", lr=...)]

hooks = [
    dict(type="CheckpointLoader"),
    dict(type="IterationTimer", warmup_iter=2),
    dict(type="InformationWriter"),
    dict(type="SemSegEvaluator"),
    dict(type="CheckpointSaver", save_freq=None),
    dict(type="PreciseEvaluator", test_last=False),
]
train = dict(type="DefaultTrainer")
test = dict(type="SemSegTester", verbose=True)
