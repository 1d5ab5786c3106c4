"""The scoring script: what Azure ML's inference server calls.

`init()` runs once when a worker starts, `run(request)` for every POST to /score. The checks around the detector
(method, size, undecodable images, the answer's form) are the RequestHandler's; the detector is in detector.py.
"""

from __future__ import annotations

from azureml_inference_server_http.api.aml_request import AMLRequest, rawhttp
from azureml_inference_server_http.api.aml_response import AMLResponse
{%- if cookiecutter.image_form == "pillow" %}
from PIL import Image
{%- endif %}
from toc_build.runtime import Detection, PostedImage, RequestHandler, load_settings, model_path

from detector import Detector

detector: Detector
handler: RequestHandler


def init() -> None:
    """Load the model, once, before the first request."""
    global detector, handler
    settings = load_settings()  # the labels and limits of deploy.yml
{%- if cookiecutter.framework == "tensorflow" %}
    detector = Detector(model_path("saved_model"), settings.labels)  # a path below model/
{%- elif cookiecutter.framework == "litert" %}
    detector = Detector(model_path("blob.tflite"), settings.labels)  # a path below model/
{%- elif cookiecutter.framework == "onnxruntime" %}
    detector = Detector(model_path("blob.onnx"), settings.labels)  # a path below model/
{%- else %}
    detector = Detector(model_path("blob.json"), settings.labels)  # a path below model/
{%- endif %}
    handler = RequestHandler(predict, settings)


def predict(image: PostedImage) -> list[Detection]:
{%- if cookiecutter.image_form == "opencv" %}
    """Give the detector its image as OpenCV has it: height x width x 3, uint8, BGR, upright."""
    return detector.predict(image.bgr)
{%- elif cookiecutter.image_form == "pillow" %}
    """Give the detector its image as a Pillow image: RGB, upright."""
    return detector.predict(Image.fromarray(image.rgb))
{%- elif cookiecutter.image_form == "file" %}
    """Give the detector its image as a file; it holds the posted bytes and is removed afterwards."""
    with image.as_file() as path:
        return detector.predict(path)
{%- else %}
    """Give the detector its image as the posted bytes: JPEG, PNG, WebP, TIFF or BMP."""
    return detector.predict(image.data)
{%- endif %}


@rawhttp  # request is the raw HTTP request (flask's), its body the image's bytes
def run(request: AMLRequest) -> AMLResponse:
    """Answer one request: a JSON list of detections, or an error that says what is wrong with the request."""
    answer = handler(request)
    return AMLResponse(answer.body, answer.status, answer.headers)
