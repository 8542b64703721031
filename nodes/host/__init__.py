"""The only place that touches the host, ComfyUI or the embedded one.

folders: where files lie. networks: memory management. memory: pieces of work that fit. feedback: progress, previews, the
person's stop. images, video, boxes: pictures, clips and rectangles on wires. saved: files kept for other workflows. sockets:
what travels. drawing, peak: labeled grids and curves; seconds and memory of a piece of work.
"""
