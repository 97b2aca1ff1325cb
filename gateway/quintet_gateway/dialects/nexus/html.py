"""The HTML fragments of the document. Clients set them as innerHTML, so every word from outside is escaped."""

from html import escape

from quintet.vision.v1.vision_service_pb2 import ImageAnalysis


def paragraphs(text: str) -> str:
    """Returns a text as `<p>` elements: blank lines part paragraphs, line ends become `<br>`."""
    blocks = [block.strip() for block in text.split("\n\n")]
    return "".join(f"<p>{_lines(block)}</p>" for block in blocks if block) or "<p></p>"


def image_analysis(analysis: ImageAnalysis) -> str:
    """Returns what is in a picture."""
    return f"<div class='image-analysis-result'>{_facts(analysis)}</div>"


def image_question(analysis: ImageAnalysis, question: str, answer: str) -> str:
    """Returns a question about a picture, its answer and what is in the picture."""
    return (
        "<div class='combined-analysis'>"
        f"<div class='user-question'><strong>Question:</strong> {escape(question)}</div>"
        f"<div class='ai-answer'>{paragraphs(answer)}</div>"
        f"<div class='image-analysis-result'>{_facts(analysis)}</div>"
        "</div>"
    )


def _facts(analysis: ImageAnalysis) -> str:
    rows = [
        ("Scene", analysis.scene),
        ("Objects", ", ".join(found.label for found in analysis.objects)),
        ("Colors", ", ".join(color.name for color in analysis.dominant_colors)),
        ("Text", "\n".join(line.text for line in analysis.text_lines)),
        ("Codes", ", ".join(f"{code.kind}: {code.payload}" for code in analysis.codes)),
        ("Size", f"{analysis.width} × {analysis.height}"),
    ]
    shown = "".join(f"<li><strong>{name}:</strong> {_lines(value)}</li>" for name, value in rows if value)
    advice = "".join(f"<li>{escape(one)}</li>" for one in analysis.suggestions)
    suggestions = f"<h4>Suggestions</h4><ul>{advice}</ul>" if advice else ""
    return f"<h3>Image analysis</h3>{paragraphs(analysis.description)}<ul>{shown}</ul>{suggestions}"


def _lines(text: str) -> str:
    return "<br>".join(escape(line) for line in text.split("\n"))
