"""QR codes, other square codes and barcodes, read by ZXing.

OpenCV's reader tries every three finder patterns together, so one hostile picture would keep a thread for hours.
"""

import zxingcpp

from quintet_vision.analysis.picture import Picture
from quintet_vision.engine import DecodedCode, DetectedObject

_EDGE = 1600
_MOST_CODES = 50
# Kinds without a checksum of their own (ITF, Codabar) are found in any fence, and are left out.
_KINDS = {
    "QRCode": "qr",
    "QRCodeModel1": "qr",
    "QRCodeModel2": "qr",
    "MicroQRCode": "microqr",
    "DataMatrix": "datamatrix",
    "Aztec": "aztec",
    "AztecCode": "aztec",
    "PDF417": "pdf417",
    "EAN13": "ean13",
    "EAN8": "ean8",
    "UPCA": "upca",
    "UPCE": "upce",
    "Code128": "code128",
}


def read_codes(picture: Picture) -> tuple[DecodedCode, ...]:
    """Returns at most fifty codes, from top to bottom; a payload of bytes is read as Latin-1."""
    small = picture.fitted(_EDGE)
    found = zxingcpp.read_barcodes(small.grey, formats=_formats(), text_mode=zxingcpp.TextMode.Plain)
    codes = [_to_code(small, barcode) for barcode in found[:_MOST_CODES] if barcode.text]
    return tuple(sorted(codes, key=lambda code: (code.box.y, code.box.x)))


def as_objects(codes: tuple[DecodedCode, ...]) -> tuple[DetectedObject, ...]:
    """Returns the codes as things in the picture: their checksums held, so they are there."""
    return tuple(DetectedObject("qr code" if code.kind == "qr" else "barcode", 1.0, code.box) for code in codes)


def _formats() -> zxingcpp.BarcodeFormats:
    names = zxingcpp.BarcodeFormat
    wanted = [names.QRCode, names.MicroQRCode, names.DataMatrix, names.Aztec, names.PDF417, names.EANUPC, names.Code128]
    return zxingcpp.BarcodeFormats(wanted)


def _to_code(picture: Picture, barcode: zxingcpp.Barcode) -> DecodedCode:
    place = barcode.position
    corners = (place.top_left, place.top_right, place.bottom_right, place.bottom_left)
    left, top = min(corner.x for corner in corners), min(corner.y for corner in corners)
    right, bottom = max(corner.x for corner in corners), max(corner.y for corner in corners)
    kind = _KINDS.get(barcode.format.name, "barcode")
    return DecodedCode(kind, barcode.text, picture.box(left, top, right - left, bottom - top))
