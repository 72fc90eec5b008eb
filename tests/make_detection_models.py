#!/usr/bin/env python3
"""Exports torchvision's detectors with weights by rule (see fill_model.py) as graph-only files.

usage: make_detection_models.py FOLDER [NAME...]        needs numpy, onnx, torch and torchvision

Every parameter gets its rule before the export, by what it is for, and under the name that it has in the file. The scales of
convolutions and matrices are set one after the other, so that activations neither grow nor vanish: each layer's result on noise gets
the RMS that RMS says, by the end of its name, else 1. So many boxes as CANDIDATES says are then to pass the detector's thresholds: the
biases that stand against all boxes alike (of the background, or of no object) are set for it. Few that differ well compare well: with
hundreds, two of them would be so close that rounding decides.
"""
import base64
import os
import sys
import warnings
import zlib

import numpy as np
import onnx
import torch
import torchvision
from fill_model import TYPES, data_of
from torch import nn
from torchvision.models import detection
from torchvision.ops import FrozenBatchNorm2d

LARGEST_KEPT = 64  # elements: larger tensors lose their data
NORMS = (nn.BatchNorm2d, FrozenBatchNorm2d)
NORM_RULES = {"weight": "u 0.5 1.5", "bias": "n 0 0.1", "running_mean": "n 0 0.1", "running_var": "u 0.5 1.5"}
# What regresses boxes should move them a little, what scores them should tell them apart.
RMS = {"cls_score.weight": 3, "cls_logits.weight": 3, "fc2.weight": 0.5, "bbox_pred.weight": 0.5}


def ssdlite320_mobilenet_v3_large():
    return detection.ssdlite320_mobilenet_v3_large(weights=None, weights_backbone=None)


def fasterrcnn_mobilenet_v3_large_320_fpn():
    """As trained weights make it: normalisations are frozen. torchvision's own function would load weights for that."""
    from torchvision.models.detection.backbone_utils import _mobilenet_extractor
    from torchvision.models.detection.faster_rcnn import AnchorGenerator, FasterRCNN

    backbone = torchvision.models.mobilenet_v3_large(weights=None, norm_layer=FrozenBatchNorm2d)
    sizes = ((32, 64, 128, 256, 512),) * 3
    anchors = AnchorGenerator(sizes, ((0.5, 1.0, 2.0),) * len(sizes))
    return FasterRCNN(_mobilenet_extractor(backbone, True, 3), 91, rpn_anchor_generator=anchors, min_size=320, max_size=640,
                      rpn_pre_nms_top_n_test=150, rpn_post_nms_top_n_test=150, rpn_score_thresh=0.05)


class Rules:
    """The rule of each tensor by its name; the module's tensors hold what the rules say."""

    def __init__(self, model):
        self.model, self.text = model, {}
        self.tensors = dict(model.named_parameters()) | dict(model.named_buffers())
        for prefix, module in model.named_modules():
            for name, tensor in list(module.named_parameters(recurse=False)) + list(module.named_buffers(recurse=False)):
                full = prefix + "." + name
                if isinstance(module, NORMS) and name in NORM_RULES:
                    self.set(full, NORM_RULES[name])
                elif isinstance(module, (nn.Conv2d, nn.Linear)):
                    centred = tensor[0].numel() >= 8 and tensor.shape[1] >= 8 if tensor.dim() > 1 else False
                    self.set(full, "n 0 1 c0" if centred else "n 0 1" if tensor.dim() > 1 else "n 0 0.1")

    def set(self, name, text):
        self.text[name] = text
        tensor = self.tensors[name]
        stand_in = onnx.TensorProto(name=name, dims=tensor.shape, data_type=onnx.TensorProto.FLOAT, doc_string="fill " + text)
        array = np.frombuffer(data_of(stand_in), TYPES[onnx.TensorProto.FLOAT]).reshape(tuple(tensor.shape))
        tensor.data.copy_(torch.from_numpy(array.copy()))

    def set_packed(self, name, array):
        packed = zlib.compress(np.ascontiguousarray(array, TYPES[onnx.TensorProto.FLOAT]).tobytes(), 9)
        self.set(name, "z " + base64.b64encode(packed).decode())


def rms_wanted(name):
    return next((rms for end, rms in RMS.items() if name.endswith(end)), 1)


def set_scales(model, rules, image):
    """In the order in which layers run, each once."""
    done = set()

    def scale(name):
        def hook(module, inputs, output):
            if name in done:
                return None
            done.add(name)
            bias = 0 if module.bias is None else module.bias.reshape((1, -1) + (1,) * (output.dim() - 2))
            factor = rms_wanted(name) / (output - bias).square().mean().sqrt().item()
            words = rules.text[name].split()
            words[2] = "%.6g" % factor
            rules.set(name, " ".join(words))
            return (output - bias) * float(words[2]) + bias
        return hook

    hooks = [module.register_forward_hook(scale(name + ".weight")) for name, module in model.named_modules()
             if isinstance(module, (nn.Conv2d, nn.Linear))]
    model([image])
    for hook in hooks:
        hook.remove()


def set_bias(rules, name, of_each, first):
    """The first of each so many biases becomes `first`, the others 0."""
    bias = np.zeros(rules.tensors[name].numel(), np.float32)
    bias[::of_each] = first
    rules.set_packed(name, bias)


def tune(count, set_to, wanted, low, high):
    """The number between low and high at which count() is about `wanted`, given that it falls."""
    for _ in range(20):
        middle = float("%.4g" % ((low + high) / 2))
        set_to(middle)
        low, high = (middle, high) if count() > wanted else (low, middle)
    set_to(middle)


def tune_ssdlite(model, rules, image):
    """Single stage: a softmax over the background and the classes of each anchor."""
    biases = [n for n in rules.text if "classification_head" in n and n.endswith(".1.bias")]

    def set_to(background):
        for name in biases:
            set_bias(rules, name, 91, background)

    def candidates():
        images, _ = model.transform([image])
        logits = model.head(list(model.backbone(images.tensors).values()))["cls_logits"]
        return int((logits.softmax(-1)[..., 1:] > model.score_thresh).sum())

    model.score_thresh, model.detections_per_img = 0.2, 100
    tune(candidates, set_to, 60, -5, 15)


def tune_faster_rcnn(model, rules, image):
    """Two stages: objects or not, then a softmax over the background and the classes of each region."""
    seen = {}
    model.rpn.head.register_forward_hook(lambda m, i, o: seen.update(objects=o[0]))
    model.roi_heads.box_predictor.register_forward_hook(lambda m, i, o: seen.update(classes=o[0]))

    def candidates():
        model([image])
        return sum(int((o.sigmoid() > model.rpn.score_thresh).sum()) for o in seen["objects"])

    def boxes():
        model([image])
        return int((seen["classes"].softmax(-1)[:, 1:] > model.roi_heads.score_thresh).sum())

    tune(candidates, lambda x: set_bias(rules, "rpn.head.cls_logits.bias", 1, -x), 120, 0, 40)
    tune(boxes, lambda x: set_bias(rules, "roi_heads.box_predictor.cls_score.bias", 91, x), 40, -5, 15)


MODELS = {"ssdlite320_mobilenet_v3_large": (ssdlite320_mobilenet_v3_large, tune_ssdlite),
          "fasterrcnn_mobilenet_v3_large_320_fpn": (fasterrcnn_mobilenet_v3_large_320_fpn, tune_faster_rcnn)}


def strip(path, rules):
    model = onnx.load(path)
    for tensor in model.graph.initializer:
        if tensor.name in rules.text and np.prod(tensor.dims) > LARGEST_KEPT:
            tensor.ClearField("raw_data")
            tensor.doc_string = "fill " + rules.text[tensor.name]
    for node in model.graph.node:
        node.ClearField("doc_string")
    del model.graph.value_info[:]
    onnx.save(model, path)


def make(folder, name):
    torch.manual_seed(0)
    build, tune_thresholds = MODELS[name]
    model = build().eval()
    image = torch.from_numpy(np.random.default_rng(1).standard_normal((3, 320, 320)).astype(np.float32))
    path = os.path.join(folder, name + ".graph.onnx")
    with torch.no_grad():
        rules = Rules(model)
        set_scales(model, rules, image)
        tune_thresholds(model, rules, image)
        found = model([image])[0]
        torch.onnx.export(model, ([image],), path, opset_version=16, input_names=["image"], output_names=list(found), dynamo=False,
                          training=torch.onnx.TrainingMode.PRESERVE, do_constant_folding=False)
    strip(path, rules)
    print("%s: %d boxes, %d bytes" % (name, len(found["boxes"]), os.path.getsize(path)))


if __name__ == "__main__":
    if len(sys.argv) < 2:
        sys.exit(__doc__)
    warnings.filterwarnings("ignore")
    for model_name in sys.argv[2:] or MODELS:
        make(sys.argv[1], model_name)
