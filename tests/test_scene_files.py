"""Scenes from files, and segments into files: nothing lost, nothing made up."""

import struct
import zlib

import numpy as np
import pytest
import tifffile
import tiffs
import xarray as xr
from PIL import Image
from scenes import BANDS, land

import bayesgmm as bg
from bayesgmm.errors import InputError
from bayesgmm.scene_files import check_segments_file, read_scene_file, write_segments

RNG = np.random.default_rng(0)
SIX = RNG.integers(0, 60_000, size=(21, 34, 6)).astype(np.uint16)


class TestTiff:
    @pytest.mark.parametrize(
        "how",
        [
            {},
            {"order": ">"},
            {"deflate": True, "predictor": 2, "strip": 5},
            {"planar": 2, "strip": 8},
            {"tile": (16, 16), "deflate": True},
            {"tile": (16, 16), "planar": 2, "order": ">", "predictor": 2},
        ],
    )
    @pytest.mark.parametrize("dtype", ["u2", "u1", "i2"])
    def test_all_bands_with_all_bits(self, how, dtype, tmp_path):
        values = SIX.astype(dtype)
        tiffs.write(tmp_path / "s.tif", values, **how)
        found = read_scene_file(tmp_path / "s.tif")
        assert found.dims == ("y", "x", "feature")
        assert found.dtype == values.dtype
        np.testing.assert_array_equal(found, values)
        assert list(found.coords) == []

    def test_bands_that_readers_of_pictures_leave_out(self, tmp_path):
        """Red, green, blue and one more, which the file does not call alpha."""
        four = SIX[..., :4].astype(np.uint8)
        extra = [(338, tiffs.SHORT, 0)]
        tiffs.write(tmp_path / "s.tif", four, photometric=2, more=extra)
        np.testing.assert_array_equal(read_scene_file(tmp_path / "s.tif"), four)

    def test_clear_pixels_are_missing(self, tmp_path):
        four = SIX[..., :4].astype(np.uint8)
        four[..., 3], four[2, 3, 3] = 255, 0
        alpha = [(338, tiffs.SHORT, 2)]
        tiffs.write(tmp_path / "s.tif", four, photometric=2, more=alpha)
        found = read_scene_file(tmp_path / "s.tif")
        want = four[..., :3].astype(float)
        want[2, 3] = np.nan
        np.testing.assert_array_equal(found, want)

    def test_every_page_may_have_clear_pixels(self, tmp_path):
        pages = np.full((2, 4, 5, 2), 255, np.uint8)
        pages[..., 0] = [[[3]], [[4]]]
        pages[0, 1, 2, 1] = pages[1, 3, 4, 1] = 0
        how = {"photometric": "minisblack", "planarconfig": "contig"}
        how["extrasamples"] = ["unassalpha"]
        tifffile.imwrite(tmp_path / "s.tif", pages, **how)
        found = read_scene_file(tmp_path / "s.tif")
        assert found.shape == (4, 5, 2)
        np.testing.assert_array_equal(found[0, 0], [3, 4])
        assert np.argwhere(found.isnull().all("feature").values).tolist() == [
            [1, 2],
            [3, 4],
        ]

    def test_pages_are_bands(self, tmp_path):
        tiffs.write(tmp_path / "s.tif", SIX[..., :1], pages=3)
        found = read_scene_file(tmp_path / "s.tif")
        np.testing.assert_array_equal(found, SIX[..., [0, 0, 0]] + [0, 1, 2])

    def test_floats_and_a_band_alone(self, tmp_path):
        values = RNG.normal(size=(9, 7, 1)).astype(np.float32)
        tiffs.write(tmp_path / "s.tif", values)
        found = read_scene_file(tmp_path / "s.tif")
        assert found.dims == ("y", "x")
        np.testing.assert_array_equal(found, values[..., 0])

    @pytest.mark.parametrize("compression", ["tiff_lzw", "packbits"])
    def test_other_compressions_where_nothing_is_lost(self, compression, tmp_path):
        colours = SIX[..., :3].astype(np.uint8)
        for values in (colours, SIX[..., 0]):
            image = Image.fromarray(values)
            image.save(tmp_path / "s.tif", compression=compression)
            np.testing.assert_array_equal(read_scene_file(tmp_path / "s.tif"), values)

    def test_compressed_bands_of_16_bits(self, tmp_path):
        how = {"planarconfig": "contig", "photometric": "minisblack"}
        tifffile.imwrite(tmp_path / "s.tif", SIX, compression="lzw", **how)
        np.testing.assert_array_equal(read_scene_file(tmp_path / "s.tif"), SIX)

    def test_bands_that_do_not_decompress_are_refused(self, tmp_path):
        tifffile.imwrite(tmp_path / "s.tif", SIX[..., 0], compression="zlib")
        whole = (tmp_path / "s.tif").read_bytes()
        (tmp_path / "s.tif").write_bytes(whole[:-300] + bytes(300))
        with pytest.raises(InputError, match=r"be a readable .tif file"):
            read_scene_file(tmp_path / "s.tif")

    def test_a_palette_is_its_colours(self, tmp_path):
        image = Image.fromarray(SIX[..., :3].astype(np.uint8)).quantize(16)
        image.save(tmp_path / "s.tif")
        np.testing.assert_array_equal(
            read_scene_file(tmp_path / "s.tif"), image.convert("RGB")
        )

    def test_half_a_file_is_refused(self, tmp_path):
        tiffs.write(tmp_path / "s.tif", SIX)
        whole = (tmp_path / "s.tif").read_bytes()
        (tmp_path / "s.tif").write_bytes(whole[:4] + struct.pack("<I", 8) + whole[8:99])
        with pytest.raises(InputError, match=r"be a readable .tif file"):
            read_scene_file(tmp_path / "s.tif")


PLACES = [
    (33550, tiffs.DOUBLE, [30.0, 20.0, 0.0]),
    (33922, tiffs.DOUBLE, [0, 0, 0, 500_000.0, 4_100_000.0, 0]),
]
MATRIX = [30.0, 0, 0, 500_000.0, 0, -20.0, 0, 4_100_000.0, 0, 0, 0, 0, 0, 0, 0, 1]
UTM = [1, 1, 0, 2, 1024, 0, 1, 1, 3072, 0, 1, 32625]


class TestPlaces:
    @pytest.mark.parametrize("tags", [PLACES, [(34264, tiffs.DOUBLE, MATRIX)]])
    def test_tags_are_coordinates_of_centres(self, tags, tmp_path):
        more = [*tags, (34735, tiffs.SHORT, UTM), (42113, tiffs.ASCII, "0")]
        tiffs.write(tmp_path / "s.tif", SIX, more=more)
        found = read_scene_file(tmp_path / "s.tif")
        np.testing.assert_array_equal(found["x"], 500_015.0 + 30 * np.arange(34))
        np.testing.assert_array_equal(found["y"], 4_099_990.0 - 20 * np.arange(21))
        assert found.attrs == {"grid_mapping": "spatial_ref", "nodata": 0.0}

    def test_places_of_points_are_centres_themselves(self, tmp_path):
        point = (34735, tiffs.SHORT, [1, 1, 0, 1, 1025, 0, 1, 2])
        tiffs.write(tmp_path / "s.tif", SIX, more=[*PLACES, point])
        assert read_scene_file(tmp_path / "s.tif")["x"][0] == 500_000.0

    def test_a_turned_grid_has_no_coordinates(self, tmp_path):
        turned = [30.0, 1.0, *MATRIX[2:]]
        tiffs.write(tmp_path / "s.tif", SIX, more=[(34264, tiffs.DOUBLE, turned)])
        assert list(read_scene_file(tmp_path / "s.tif").coords) == []


@pytest.fixture(scope="module")
def segments():
    """Labels 0, noise, and missing, with places."""
    label = np.array([[0, 1, -1], [1, 0, -9999]], np.int16)
    places = {"y": [40.0, 10.0], "x": [100.0, 130.0, 160.0]}
    keys = {"GeoKeyDirectory": tuple(UTM)}
    return xr.Dataset(
        {
            "label": (("y", "x"), label, {"flag_meanings": "wood town noise"}),
            "entropy": (("y", "x"), np.where(label < -1, np.nan, 0.5)),
        },
        {**places, "spatial_ref": ((), 0, keys), "component": ["wood", "town"]},
    )


class TestWriting:
    def test_labels_keep_their_places_in_a_tiff(self, segments, tmp_path):
        write_segments(segments, tmp_path / "l.tif")
        with Image.open(tmp_path / "l.tif") as image:
            colours = np.asarray(image.convert("RGB"))
            codes, tags = np.asarray(image), image.tag_v2
        np.testing.assert_array_equal(codes, [[0, 1, 254], [1, 0, 255]])
        assert tuple(colours[0, 0]) == (0x00, 0x72, 0xB2)
        assert tuple(colours[0, 2]) == (0x80, 0x80, 0x80)
        assert tags[34264][:8] == (30, 0, 0, 85, 0, -30, 0, 55)
        assert tags[34735] == tuple(UTM)
        assert tags[42113] == "255"

    @pytest.mark.parametrize("keys", [UTM, [1, 1, 0, 1, 1025, 0, 1, 2]])
    def test_a_tiff_of_labels_is_where_the_scene_is(self, keys, tmp_path):
        more = [*PLACES, (34735, tiffs.SHORT, keys), (42113, tiffs.ASCII, "7")]
        values = SIX[..., :1].copy()
        values[3, 4] = 7
        tiffs.write(tmp_path / "s.tif", values, more=more)
        scene = read_scene_file(tmp_path / "s.tif")
        em = bg.GaussianMixture(1).fit(scene.values.reshape(-1, 1))
        write_segments(bg.segment(scene, em), tmp_path / "l.tif")
        with Image.open(tmp_path / "l.tif") as image:
            assert image.tag_v2[34264] == pytest.approx(MATRIX)
            assert image.tag_v2[34735] == tuple(keys)
            assert np.argwhere(np.asarray(image) == 255).tolist() == [[3, 4]]

    def test_a_picture_has_no_places(self, segments, tmp_path):
        write_segments(segments, tmp_path / "l.png")
        with Image.open(tmp_path / "l.png") as image:
            assert np.asarray(image.convert("RGBA"))[1, 2, 3] == 0
            np.testing.assert_array_equal(image, [[0, 1, 254], [1, 0, 255]])

    @pytest.mark.parametrize("name", ["s.nc", "s.zarr"])
    def test_grids_hold_all(self, name, segments, tmp_path):
        for _ in range(2):  # over an old one
            write_segments(segments, tmp_path / name)
        found = read_scene_file(tmp_path / name)
        xr.testing.assert_equal(found, segments)
        assert found["label"].attrs == segments["label"].attrs
        assert found["spatial_ref"].attrs.keys() == {"GeoKeyDirectory"}
        assert [path.name for path in tmp_path.iterdir()] == [name]

    def test_an_old_folder_stays_if_writing_fails(self, segments, tmp_path):
        write_segments(segments, tmp_path / "s.zarr")
        broken = segments.assign(bad=("y", [object(), object()]))
        with pytest.raises(Exception, match="object"):
            write_segments(broken, tmp_path / "s.zarr")
        xr.testing.assert_equal(read_scene_file(tmp_path / "s.zarr"), segments)

    def test_a_palette_has_room_for_254_components(self, segments, tmp_path):
        for label in (253, 254, 256):
            many = segments.assign(label=segments["label"].copy())
            many["label"][0, 0] = label
            if label < 254:
                write_segments(many, tmp_path / "l.png")
                continue
            with pytest.raises(InputError, match="for more than 254 components"):
                write_segments(many, tmp_path / "l.png")

    def test_what_is_no_picture(self, segments, tmp_path):
        with pytest.raises(InputError, match=r"`--out` must end in .nc or .zarr for a"):
            write_segments(segments.isel(y=0), tmp_path / "l.tif")
        with pytest.raises(InputError, match=r"`--out` must end in .nc, .zarr, .png"):
            check_segments_file(tmp_path / "l.jpg")


class TestReading:
    def test_a_zarr_of_bands(self, tmp_path):
        scene = land((8, 9)).drop_encoding().to_dataset("band")
        scene.to_zarr(tmp_path / "s.zarr", zarr_format=2)
        found = read_scene_file(tmp_path / "s.zarr")
        assert set(found.data_vars) == set(BANDS)

    def test_pictures_of_every_mode(self, tmp_path):
        grey = RNG.integers(0, 2**16, size=(5, 6)).astype(np.uint16)
        Image.fromarray(grey).save(tmp_path / "grey16.png")
        np.testing.assert_array_equal(read_scene_file(tmp_path / "grey16.png"), grey)
        colours = SIX[..., :4].astype(np.uint8)
        colours[..., 3] = 7  # hardly to be seen, but not clear
        Image.fromarray(colours).save(tmp_path / "rgba.png")
        found = read_scene_file(tmp_path / "rgba.png")
        np.testing.assert_array_equal(found, colours[..., :3])
        Image.fromarray(colours[..., :3]).quantize(256).save(tmp_path / "p.png")
        assert read_scene_file(tmp_path / "p.png").shape == (21, 34, 3)
        Image.fromarray(colours[..., :3]).save(tmp_path / "photo.jpg")
        assert read_scene_file(tmp_path / "photo.jpg").shape == (21, 34, 3)

    def test_a_photo_stands_as_it_is_looked_at(self, tmp_path):
        image = Image.fromarray(SIX[..., 0].astype(np.uint8))
        exif = image.getexif()
        exif[274] = 6  # the camera was turned
        image.save(tmp_path / "photo.png", exif=exif)
        assert read_scene_file(tmp_path / "photo.png").shape == (34, 21)

    def test_colours_of_16_bits_are_not_cut(self, tmp_path):
        rows = b"".join(b"\0" + row.astype(">u2").tobytes() for row in SIX[..., :3])
        header = struct.pack(">IIBBBBB", 34, 21, 16, 2, 0, 0, 0)
        parts = [(b"IHDR", header), (b"IDAT", zlib.compress(rows)), (b"IEND", b"")]
        png = b"\x89PNG\r\n\x1a\n"
        for name, data in parts:
            check = struct.pack(">I", zlib.crc32(name + data))
            png += struct.pack(">I", len(data)) + name + data + check
        (tmp_path / "s.png").write_bytes(png)
        with pytest.raises(InputError, match=r"8 bits a colour.*s.png with 16"):
            read_scene_file(tmp_path / "s.png")
