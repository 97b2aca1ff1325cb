"""From the engine's shapes to the messages of `quintet.vision.v1`."""

from quintet.media.v1 import engine_pb2
from quintet.vision.v1 import vision_service_pb2 as pb
from quintet_vision.engine import Analysis, Box, DecodedCode, DetectedObject, DominantColor, ImageQuality, TextLine


def to_result(analysis: Analysis) -> pb.AnalyzeImageResult:
    """Converts an analysis and its enhanced copy."""
    return pb.AnalyzeImageResult(analysis=_to_analysis(analysis), enhanced_image=analysis.enhanced_image)


def _to_analysis(analysis: Analysis) -> pb.ImageAnalysis:
    message = pb.ImageAnalysis(
        objects=[_to_object(one) for one in analysis.objects],
        scene=analysis.scene,
        dominant_colors=[_to_color(one) for one in analysis.dominant_colors],
        text_lines=[_to_line(one) for one in analysis.text_lines],
        codes=[_to_code(one) for one in analysis.codes],
        quality=_to_quality(analysis.quality),
        description=analysis.description,
        suggestions=analysis.suggestions,
        confidence=analysis.confidence,
        limitations=[
            engine_pb2.Limitation(subject=one.subject, explanation=one.explanation, remedy=one.remedy)
            for one in analysis.limitations
        ],
        width=analysis.width,
        height=analysis.height,
        format=analysis.format,
        frame_count=analysis.frame_count,
    )
    message.processing_duration.FromNanoseconds(int(analysis.processing_seconds * 1e9))
    return message


def _to_box(box: Box) -> pb.BoundingBox:
    return pb.BoundingBox(x=box.x, y=box.y, width=box.width, height=box.height)


def _to_object(one: DetectedObject) -> pb.DetectedObject:
    return pb.DetectedObject(label=one.label, confidence=one.confidence, box=_to_box(one.box))


def _to_color(one: DominantColor) -> pb.DominantColor:
    return pb.DominantColor(name=one.name, hex=one.hex, share=one.share)


def _to_line(one: TextLine) -> pb.TextLine:
    return pb.TextLine(text=one.text, confidence=one.confidence, box=_to_box(one.box))


def _to_code(one: DecodedCode) -> pb.DecodedCode:
    return pb.DecodedCode(kind=one.kind, payload=one.payload, box=_to_box(one.box))


def _to_quality(one: ImageQuality) -> pb.ImageQuality:
    return pb.ImageQuality(
        # Without outlines nothing tells whether a picture is blurred.
        sharpness=one.sharpness if one.structured else 0.0,
        brightness=one.brightness,
        contrast=one.contrast,
        noise_level=one.noise_level,
        edge_density=one.edge_density,
        quality_score=one.quality_score,
    )
