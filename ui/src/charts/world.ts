// The map of the world: borders of Natural Earth (public domain) as world-atlas packs them, countries told by the two letters of ISO 3166-1.
import { MapChart } from 'echarts/charts';
import { GeoComponent, VisualMapComponent } from 'echarts/components';
import { registerMap, use } from 'echarts/core';
import codes from 'i18n-iso-countries/codes.json';
import { feature } from 'topojson-client';
import type { GeometryCollection, Topology } from 'topojson-specification';
import atlas from 'world-atlas/countries-110m.json';

use([MapChart, GeoComponent, VisualMapComponent]);

type Point = [number, number];
type Properties = { name: string };

/** Has no number in the standard. */
const WITHOUT_NUMBER: Record<string, string> = { Kosovo: 'XK' };

const ANTARCTICA = '010';

const letters = new Map(codes.map(([two, , number]) => [number, two]));
const topology = atlas as unknown as Topology<{ countries: GeometryCollection<Properties> }>;
const features = feature(topology, topology.objects.countries).features
  .filter(({ id }) => id !== ANTARCTICA)
  .map((country) => ({
    ...country,
    properties: { code: letters.get(String(country.id)) ?? WITHOUT_NUMBER[country.properties.name] ?? '', name: country.properties.name },
    geometry: country.geometry.type === 'Polygon' ? { ...country.geometry, coordinates: country.geometry.coordinates.map((ring) => unbroken(ring as Point[])) }
      : country.geometry.type === 'MultiPolygon' ? { ...country.geometry, coordinates: country.geometry.coordinates.map((rings) => rings.map((ring) => unbroken(ring as Point[]))) }
      : country.geometry,
  }));

/** A ring over the 180th meridian goes on beyond 180 degrees, where the borders would else run back around the world. */
function unbroken(ring: Point[]): Point[] {
  const crosses = ring.some(([longitude], place) => place > 0 && Math.abs(longitude - (ring[place - 1]?.[0] ?? longitude)) > 180);
  return crosses ? ring.map(([longitude, latitude]) => [longitude < 0 ? longitude + 360 : longitude, latitude]) : ring;
}

registerMap('world', { type: 'FeatureCollection', features } as never);

/** Codes of the countries that are drawn. */
export const drawn = new Set(features.map(({ properties }) => properties.code));
