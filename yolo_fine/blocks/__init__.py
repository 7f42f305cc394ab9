# SPDX-License-Identifier: AGPL-3.0-or-later
"""The packaged blocks: one idea a file. Importing this package registers them all."""

from __future__ import annotations

from yolo_fine.blocks.a2n import A2N
from yolo_fine.blocks.afa import AFA
from yolo_fine.blocks.aff import AFF, iAFF
from yolo_fine.blocks.asf import CPAM, ScalSeq, ZoomCat
from yolo_fine.blocks.aspp import ASPPLite
from yolo_fine.blocks.carafe import CARAFE
from yolo_fine.blocks.cat import CAT
from yolo_fine.blocks.cbam import CBAM
from yolo_fine.blocks.cfpt import CFPT
from yolo_fine.blocks.danet import CAM, PAM
from yolo_fine.blocks.dcdc import DCDC
from yolo_fine.blocks.dilated import DilatedContext, DilatedFusion
from yolo_fine.blocks.dwr import DWR
from yolo_fine.blocks.dysample import DySample
from yolo_fine.blocks.eca import ECA
from yolo_fine.blocks.ema import EMA
from yolo_fine.blocks.fade import FADE
from yolo_fine.blocks.fcvit import FCViTContext
from yolo_fine.blocks.fine import FINE
from yolo_fine.blocks.fine_concat import FINEConcat
from yolo_fine.blocks.focal_modulation import FocalModulation
from yolo_fine.blocks.freqfusion import FreqFusion
from yolo_fine.blocks.gc import GC
from yolo_fine.blocks.hlg import HLG
from yolo_fine.blocks.hyper_fusion import HyperFusion
from yolo_fine.blocks.lccm import LCCM, LCCMBottomUp
from yolo_fine.blocks.lda_aqu import LDAAQU
from yolo_fine.blocks.lscm import LSCM
from yolo_fine.blocks.ms_cam import MSCAM
from yolo_fine.blocks.nextvit import NCB, NTB
from yolo_fine.blocks.nhs import NHS
from yolo_fine.blocks.nonlocal_block import NonLocal
from yolo_fine.blocks.part_whole import PartWhole
from yolo_fine.blocks.pick import Pick
from yolo_fine.blocks.pst import PST
from yolo_fine.blocks.res2net import Res2Net
from yolo_fine.blocks.rfb import RFB
from yolo_fine.blocks.sapa import SAPA
from yolo_fine.blocks.sda import SDA
from yolo_fine.blocks.se import SE
from yolo_fine.blocks.sem import SEM
from yolo_fine.blocks.shared_dilation import SharedDilation
from yolo_fine.blocks.sk import SK
from yolo_fine.blocks.spdconv import SPDConv
from yolo_fine.blocks.sra import SRA
from yolo_fine.blocks.ssr import SSR
from yolo_fine.blocks.timm_attn import TimmAttn
from yolo_fine.blocks.weighted_add import WeightedAdd
from yolo_fine.blocks.wtconv import WTConv, WTDown

__all__ = [
    "A2N", "AFA", "AFF", "CAM", "CARAFE", "CAT", "CBAM", "CFPT", "CPAM", "DCDC", "DWR", "ECA", "EMA", "FADE", "FINE",
    "GC", "HLG", "LCCM", "LDAAQU", "LSCM", "MSCAM", "NCB", "NHS", "NTB", "PAM", "PST", "RFB", "SAPA", "SDA", "SE",
    "SEM", "SK", "SRA", "SSR", "ASPPLite", "DilatedContext", "DilatedFusion", "DySample", "FCViTContext",
    "FINEConcat", "FocalModulation", "FreqFusion", "HyperFusion", "LCCMBottomUp", "NonLocal", "PartWhole", "Pick",
    "Res2Net", "SPDConv", "ScalSeq", "SharedDilation", "TimmAttn", "WTConv", "WTDown", "WeightedAdd", "ZoomCat",
    "iAFF",
]  # fmt: skip
